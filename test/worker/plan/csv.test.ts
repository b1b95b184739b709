import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { id15, id18 } from '../../helpers/ids.ts'
import { modelTable } from './model.ts'
import { collect, cut, scanText } from './texts.ts'

const number = fc.nat(5_000_000)
const idCell = fc.oneof(
  { weight: 6, arbitrary: number.map((n) => id18(n)) },
  { weight: 2, arbitrary: number.map((n) => id15(n)) },
  { weight: 1, arbitrary: number.map((n) => ` ${id18(n)} `) },
  { weight: 1, arbitrary: number.map((n) => id18(n, '00Q')) },
  { weight: 1, arbitrary: fc.constantFrom('', ' ', 'jöhn@example.com', 'x'.repeat(300)) },
)
const text = fc.string({ unit: fc.constantFrom(...'ab ,;|\t"é\n😀0'), maxLength: 12 })
const lineEnd = fc.constantFrom('\n', '\r\n', '\r')
const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 4 })

/** Rows as a careful exporter writes them: quoted wherever there is need, or always. */
const table = fc
  .record({
    delimiter: fc.constantFrom(',', ';', '\t', '|'),
    end: lineEnd,
    always: fc.boolean(),
    blanks: fc.boolean(),
    rows: fc.array(fc.tuple(text, idCell, fc.array(text, { maxLength: 3 })), { maxLength: 40 }),
  })
  .map(({ delimiter, end, always, blanks, rows }) => {
    const quote = (cell: string) =>
      always || /["\n\r,;|\t]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
    let written = ['Name', 'Id', 'Note'].join(delimiter) + end
    let line = 2
    const lines = rows.map(([name, id, rest]) => {
      if (blanks) {
        written += end
        line++
      }
      const cells = [`n${name}`, id, ...rest]
      const start = line
      written += cells.map(quote).join(delimiter) + end
      line += cells.join('').split('\n').length
      return { cells, line: start }
    })
    return { text: written, lines, delimiter }
  })

test('a table is read like a model reads it', async () => {
  await fc.assert(
    fc.asyncProperty(table, sizes, async ({ text, lines, delimiter }, cuts) => {
      const { refused, ...found } = await scanText(text, { sizes: cuts })
      const told = refused.map(({ detail: _, ...rest }) => rest)
      const expected = modelTable(lines, { column: 1, width: 3, delimiter })
      assert.deepEqual({ ...found, refused: told }, expected)
    }),
    { numRuns: 300 },
  )
})

test('whatever stands below a header, fast-csv and the reader before it agree on the rows', async () => {
  const junk = fc.string({
    unit: fc.constantFrom(...'"",,\n\r \t;a\u00a0\u3000\ufeffé\\', '""', id18(1)),
    maxLength: 80,
  })
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(',', ';', '\t'),
      junk,
      sizes,
      async (delimiter, rows, cuts) => {
        const { ids } = await scanText(`Id${delimiter}Name\n${rows}`, { sizes: cuts })
        assert.ok(ids.every((id) => id === id15(1)))
      },
    ),
    { numRuns: 1000 },
  )
})

test('a row with a delimiter too many is refused: its columns have moved', async () => {
  const rows = [`Smith, Ann,${id18(1)},${id18(2)}`, `"Lee, Bob",${id18(3)},${id18(4)}`]
  const { ids, refused } = await scanText(['Name,Account,Id', ...rows].join('\n'))
  assert.deepEqual(ids, [id15(4)])
  assert.deepEqual(refused, [
    {
      line: 2,
      value: 'Smi… (48 characters)',
      reason: 'OTHER_FORM',
      detail: '4 columns, where the first row has 3',
    },
  ])
})

test('a row without a value in the Id column is refused', async () => {
  const { ids, refused } = await scanText(`Name,Id\nAnn,\nBob\n,\nEve,${id18(1)}\n`)
  assert.deepEqual(ids, [id15(1)])
  assert.deepEqual(
    refused.map(({ line, value, reason }) => [line, value, reason]),
    [
      [2, '', 'EMPTY_VALUE'],
      [3, '', 'EMPTY_VALUE'],
      [4, '', 'EMPTY_VALUE'],
    ],
  )
})

test('badly quoted rows are refused one by one, and the rows after them are read', async () => {
  const text = [
    'Id,Name',
    `${id18(1)},"Ann"`,
    `${id18(2)},"Bob" Lee`,
    `${id18(3)},"Cy`,
    `${id18(4)},"Di"`,
    `${id18(5)},Ed`,
    `${id18(6)},"open to the end`,
    id18(7),
  ].join('\n')
  for (const size of [1, 1000]) {
    const { ids, refused } = await scanText(text, { sizes: [size] })
    assert.deepEqual(ids, [id15(1), id15(5)])
    assert.deepEqual(
      refused.map(({ line, reason, detail }) => [line, reason, detail]),
      [
        [3, 'OTHER_FORM', 'quotes that do not match'],
        [4, 'OTHER_FORM', 'quotes that do not match from line 4 to line 5'],
        [7, 'OTHER_FORM', 'quotes that do not match from line 7 to line 8'],
      ],
    )
  }
})

test('rows in order survive many blocks of refused ones', async () => {
  const rows = Array.from({ length: 30_000 }, (_, n) =>
    n % 3 === 0 ? `${id18(n)},x` : n % 3 === 1 ? `nobody,x` : `a,"b"c`,
  )
  const { ids, refused } = await scanText(['Id,Name', ...rows, ''].join('\r\n'))
  assert.equal(ids.length, 10_000)
  assert.equal(refused.length, 20_000)
  assert.deepEqual(ids.at(-1), id15(29_997))
  assert.ok(refused.every(({ line }, i) => line === 2 + i + Math.floor(i / 2) + 1))
})

test('a row of 200 MB is refused without being kept, quoted or not', async () => {
  const piece = new Uint8Array(1 << 20).fill(65)
  for (const start of [`${id18(1)},`, `${id18(1)},"`]) {
    let sent = 0
    async function* endless() {
      yield new TextEncoder().encode(`Id,Name\n${start}`)
      for (; sent < 200; sent++) yield piece
    }
    await assert.rejects(collect(endless()), { code: 'LINE_TOO_LONG', message: /^Line 2 / })
    assert.ok(sent < 3, `read on for ${sent} MiB`)
  }
})

test('what the source throws comes out between rows', async () => {
  const lost = new Error('connection lost')
  async function* source() {
    yield* cut(new TextEncoder().encode(`Id,Name\n${id18(1)},x\n`.repeat(9000)), [50_000])
    throw lost
  }
  await assert.rejects(collect(source()), lost)
})
