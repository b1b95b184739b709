import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RefusedError } from '../../../src/shared/base/errors.ts'
import { fc, runs } from '../../helpers/fast-check.ts'
import { id15, id18 } from '../../helpers/ids.ts'
import { type Found, scanText } from './texts.ts'

/** A CSV that has come apart is refused as a whole: what stands in its Id column may be anything. */

const A = id18(1)
const B = id18(2)
const X = id18(9)
const ACCOUNT = id18(5, '001')

const BROKEN: readonly [what: string, text: string, line: number, problem: RegExp][] = [
  [
    'text behind a closing quote',
    `Id,Name\n${A},"Bob" Lee\n${B},x\n`,
    2,
    /behind the closing quote/,
  ],
  [
    'a note with bare quotes and a line end, and an id within',
    `Id,Note\n${A},"she said "call me\n${X},later""\n${B},x\n`,
    2,
    /behind the closing quote/,
  ],
  ['a quote that is closed in another row', `Id,Name\n${A},"Cy\n${B},"Di"\n`, 3, /from line 2 on/],
  ['a quote that is never closed', `Id,Name\n${A},x\n${B},"Ed\n${X},y\n`, 3, /to be closed/],
  ['a quote within an unquoted field', `Name,Id\nx,${A}\n5" pipe,${B}\n`, 3, /within an unquoted/],
  ['a quote behind a wide space', `Id,Name\n${A},\u3000"x"\n`, 2, /within an unquoted/],
  ['a quote within a bare header', `Size 5",Id\n5,${A}\n`, 1, /each quote of the first row/],
  ['a header with an open quote', `Id,"Name\n${A},Ann\n`, 1, /each quote of the first row/],
  ['a header whose quote closes below', `Id,"Name\n${A},"Ann"\n`, 1, /each quote of the first row/],
  ['a header of one column with an open quote', `"Id\n${A}\n`, 1, /each quote of the first row/],
  ['ids beside the header', `Id,${A},${B}\n`, 1, /names in the header, got an id of a Contact/],
  ['a separator too many', `Name,Id\nAnn,${A}\nLee, Bob,${B}\n`, 3, /2 fields .*, got 3/],
  ['an empty field too many', `Id,Name\n${A},Ann\n${B},Bob,\n`, 3, /2 fields .*, got 3/],
  ['an empty field too many before it', `Name,Ref,Id\nLee, Bob,${X},\n`, 2, /3 fields .*, got 4/],
  ['a field too few', `Id,Name,City\n${A},Ann,x\n${B}\n`, 3, /3 fields .*, got 1/],
  ['a bare line end in a note', `Id,Note\n${A},see\n${X}\n${B},x\n`, 3, /2 fields .*, got 1/],
  ['a second table', `Id,Name\n${A},Ann\n\nId,Name\n${B},Bob\n`, 4, /second header/],
  ['a second table in another order', `Id,Ref\n${A},${X}\nRef,ID\n${X},${B}\n`, 3, /second header/],
  [
    'a second table whose Id column has another name',
    `Id,Name\n${A},x\nKey,NAME\n${B},y\n`,
    3,
    /second header/,
  ],
  ['a second table below rows alone', `${A},Ann\nName,Id\nBob,${B}\n`, 2, /second header/],
  [
    'a second table with a byte order mark',
    `\ufeff"Id","Name"\r\n"${A}","Ann"\r\n\ufeff"Id","Name"\r\n"${B}","Bob"\r\n`,
    3,
    /second byte order mark/,
  ],
  [
    'rows below a second byte order mark',
    `Id,Ref\n${A},x\n\ufeff${X},${B}\n`,
    3,
    /second byte order/,
  ],
  [
    'rows whose columns have changed places',
    `Id,AccountId\n${A},${ACCOUNT}\n${ACCOUNT},${B}\n`,
    3,
    /id of a Contact in column 1, got one in column 2/,
  ],
  ['a second header in one column', `Id\n${A}\n\ufeff"Id"\n${B}\n`, 3, /second byte order/],
  [
    'a second table with a mark below one column',
    `Id\n${A}\n\ufeffId,x\n${B},y\n`,
    3,
    /second byte/,
  ],
  ['a quote that opens in a blank row', `Id,Name\n${A},x\n,"\n${X},y\n`, 3, /to be closed/],
  ['a quote that opens in a blank row of one column', `Id\n${A}\n,"\n${X}\n`, 3, /within|several/],
  ['two quoted blanks in one field', `Id,Name\n${A},x\n"" "",\n${B},y\n`, 3, /behind the closing/],
  ['two quoted blanks in one column', `Id\n${A}\n"" ""\n${B}\n`, 3, /behind the closing/],
  [
    'a quoted blank behind a zero-width space',
    `Id\n${A}\n\u200b""\n${B}\n`,
    3,
    /within an unquoted/,
  ],
  ['a quote that opens above the header', `,"\nId,Name\n${A},x\n`, 1, /each quote of the first/],
  ['a second header in a list', `${A}\ncontact id\n${B}\n`, 2, /second header/],
  ['a table below one column', `Id\n${A}\nId,Name\n${B},x\n`, 3, /got several/],
  ['one column below a table', `Id,Name\n${A},x\nId\n${B}\n`, 3, /2 fields .*, got 1/],
  ['a separator behind an id', `Id\n${A}\n${B},\n`, 3, /got several/],
  ['an open quote in one column', `Id\n"a\n${X}\nb"\n`, 2, /to be closed/],
  ['text behind a quote in one column', `Id\n"${A}" x\n`, 2, /behind the closing quote/],
  ['a quote in a value of one column', `Id\n${A}\nx"y\n`, 3, /within an unquoted/],
]

describe('a CSV is refused with', () => {
  for (const [what, text, line, problem] of BROKEN) {
    test(what, async () => {
      for (const size of [1 << 20, 1, 7]) {
        await assert.rejects(scanText(text, { sizes: [size] }), (error) => {
          assert.ok(error instanceof RefusedError)
          assert.equal(error.code, 'BROKEN_CSV')
          assert.ok(error.message.startsWith(`Line ${line}: `), error.message)
          assert.match(error.message, problem)
          for (const id of [A, B, X, ACCOUNT]) assert.ok(!error.message.includes(id.slice(0, 15)))
          return true
        })
      }
    })
  }

  test('damage far below, at whatever place in a block', async () => {
    for (const rows of [127, 5000, 40_000]) {
      const intact = Array.from({ length: rows }, (_, n) => `${id18(n)},"x"`).join('\n')
      const line = new RegExp(`^Line ${rows + 2}: `)
      for (const [last, form] of [
        [`"${id18(rows)}"x,y`, 'Id,Name'],
        [`${id18(rows)}`, 'Id,Name'],
        [`"${id18(rows)}"x`, 'Id'],
        [`${id18(rows)},y`, 'Id'],
      ] as const) {
        const above = form === 'Id' ? intact.replaceAll(',"x"', '') : intact
        const text = `${form}\n${above}\n${last}\n${id18(rows + 1)},x\n`
        await assert.rejects(scanText(text, { sizes: [65_536, 3] }), { message: line })
      }
    }
  })
})

test('a row that happens to hold a name of the header is none', async () => {
  const { ids, refused } = await scanText(`Id,Type,City\n${A},x,y\nnobody,City,Paris\n`)
  assert.deepEqual([ids, refused.length], [[id15(1)], 1])
})

test('ids of the object in a column that held some before do not look moved', async () => {
  const text = `Id,ReportsToId\n${A},${X}\nnobody,${X}\n${B},${X}\n`
  const { ids, refused } = await scanText(text)
  assert.deepEqual([ids, refused.length], [[id15(1), id15(2)], 1])
})

/** Tables with notes full of what a CSV is made of, ids on lines of their own among it. */
const noteText = fc
  .array(fc.constantFrom('see', 'a', ' ', '"', ',', '\n', `\n${id18(800)},x\n`, id18(801)), {
    maxLength: 6,
  })
  .map((parts) => parts.join(''))
const cells = fc.record({ name: fc.constantFrom('Ann', 'Lee, Bob', 'O"Hara', ''), note: noteText })
const table = fc
  .record({
    idAt: fc.nat(2),
    always: fc.boolean(),
    end: fc.constantFrom('\n', '\r\n'),
    rows: fc.array(cells, { minLength: 1, maxLength: 12 }),
  })
  .map(({ idAt, always, end, rows }) => {
    const quote = (cell: string) =>
      always || /["\n\r,]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
    const ids = rows.map((_, n) => id18(n + 40))
    const lines = [['Name', 'Note'], ...rows.map(({ name, note }) => [name, note])]
    const text = lines
      .map((row, n) => row.toSpliced(idAt, 0, n === 0 ? 'Id' : (ids[n - 1] ?? '')))
      .map((row) => row.map(quote).join(',') + end)
      .join('')
    return { text, ids: ids.map((id) => id.slice(0, 15)) }
  })

/** Null where the whole text is refused. */
async function acceptedOf(text: string): Promise<Found['ids'] | null> {
  try {
    return (await scanText(text, { sizes: [1 << 16] })).ids
  } catch (error) {
    if (error instanceof RefusedError) return null
    throw error
  }
}

describe('of a damaged table', () => {
  test('nothing is accepted where one quote came or went', async () => {
    await fc.assert(
      fc.asyncProperty(table, fc.nat(), fc.boolean(), async ({ text }, at, added) => {
        const quotes = [...text.matchAll(/"/g)].map(({ index }) => index)
        const gone = quotes[at % quotes.length]
        const place = at % (text.length + 1)
        const damaged =
          added || gone === undefined
            ? `${text.slice(0, place)}"${text.slice(place)}`
            : text.slice(0, gone) + text.slice(gone + 1)
        assert.equal(await acceptedOf(damaged), null, JSON.stringify(damaged))
      }),
      { numRuns: runs(500) },
    )
  })

  test('no id is accepted but of its Id column where one separator or line end came or went', async () => {
    await fc.assert(
      fc.asyncProperty(
        table,
        fc.nat(),
        fc.constantFrom(',', '\n', ''),
        async ({ text, ids }, at, added) => {
          const marks = [...text.matchAll(/[,\n]/g)].map(({ index }) => index)
          const place = added === '' ? (marks[at % marks.length] ?? 0) : at % (text.length + 1)
          const damaged =
            text.slice(0, place) + added + text.slice(added === '' ? place + 1 : place)
          const accepted = await acceptedOf(damaged)
          assert.ok(accepted?.every((id) => ids.includes(id)) ?? true, JSON.stringify(damaged))
        },
      ),
      { numRuns: runs(500) },
    )
  })

  test('no id is accepted but of its Id column where a stretch below the header is lost that cuts no id', async () => {
    await fc.assert(
      fc.asyncProperty(table, fc.nat(), fc.nat(), async ({ text, ids }, a, b) => {
        const inside = new Set(
          [...text.matchAll(/003[0-9A-Za-z]{15}/g)].flatMap(({ index }) =>
            Array.from({ length: 17 }, (_, k) => index + 1 + k),
          ),
        )
        const header = text.indexOf('\n')
        const places = Array.from({ length: text.length + 1 }, (_, at) => at).filter(
          (at) => at > header && !inside.has(at),
        )
        const [from = 0, to = 0] = [a, b]
          .map((n) => places[n % places.length] ?? 0)
          .sort((x, y) => x - y)
        const accepted = await acceptedOf(text.slice(0, from) + text.slice(to))
        assert.ok(accepted?.every((id) => ids.includes(id)) ?? true, `${from} to ${to} of ${text}`)
      }),
      { numRuns: runs(500) },
    )
  })

  test('nothing is accepted where another export was pasted below', async () => {
    await fc.assert(
      fc.asyncProperty(table, table, fc.boolean(), async (first, second, marked) => {
        const pasted = first.text + (marked ? '\ufeff' : '') + second.text
        assert.equal(await acceptedOf(pasted), null)
        assert.deepEqual(await acceptedOf(first.text), first.ids)
      }),
    )
  })
})
