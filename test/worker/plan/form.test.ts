import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { id15, id18 } from '../../helpers/ids.ts'
import { collect, cut, scanText } from './texts.ts'

const A = id18(1)
const B = id18(2)
const both = [id15(1), id15(2)]

/** Every text holds ids 1 and 2 of Contact, in that order. */
const READABLE: Record<string, string | Uint8Array> = {
  'a header and a column': `Id\n${A}\n${B}\n`,
  'a list without header': `${A}\n${B}\n`,
  'a list of 15-character ids': `${both.join('\n')}\n`,
  'no line end at the end': `Id\n${A}\n${B}`,
  'CR LF': `Id\r\n${A}\r\n${B}\r\n`,
  'CR alone': `Id\r${A}\r${B}\r`,
  'a byte order mark': `\ufeffId\n${A}\n${B}\n`,
  'a byte order mark before a list': `\ufeff${A}\n${B}\n`,
  quotes: `"Id"\n"${A}"\n"${B}"\n`,
  'quotes on some rows': `Id\n"${A}"\n${B}\n`,
  'blank lines': `\n\nId\n\n${A}\n   \n${B}\n\n`,
  'spaces around values': ` Id \n ${A}\t\n${B}  \n`,
  'the header in capitals': `ID\n${A}\n${B}\n`,
  "a report's header": `Contact ID\n${A}\n${B}\n`,
  'other columns after it': `Id,Name\n${A},Ann\n${B},Bob\n`,
  'other columns before it': `Name,Id\nAnn,${A}\nBob,${B}\n`,
  'a report with other columns': `"Last Name","CONTACT ID"\n"Ann","${A}"\n"Bob","${B}"\n`,
  semicolons: `Id;Name\n${A};Ann\n${B};Bob\n`,
  tabs: `Name\tId\nAnn\t${A}\nBob\t${B}\n`,
  pipes: `Name|Id\nAnn|${A}\nBob|${B}\n`,
  'a delimiter that the header holds elsewhere': `Id;"Last, first, second"\n${A};x\n${B};y\n`,
  'commas in names under semicolons': `Name, first, last;Id\nAnn, x;${A}\nBob, y;${B}\n`,
  'line ends in quotes': `Id,Note\n${A},"two\nlines"\n${B},"three\r\nmore\rlines"\n`,
  'a line end in the header': `Id,"Last\nname"\n${A},x\n${B},y\n`,
  'columns without header': `${A},Ann\n${B},Bob\n`,
  'columns without header, ids of others among them': `${id18(9, '001')};${A}\n${id18(8, '001')};${B}\n`,
  'a byte order mark and columns': `\ufeff"Id","Name"\r\n"${A}","Ann"\r\n"${B}","Bob"\r\n`,
  'blank lines among columns': `Id,Name\n\n${A},Ann\n \n${B},Bob\n\n`,
  'CR alone among columns': `Id,Name\r${A},Ann\r${B},Bob\r`,
  'doubled quotes': `Id,Name\n${A},"Ann ""A"" Lee"\n${B},"""B"""\n`,
  'rows of separators alone': `Id,Name\r\n,\r\n${A},Ann\r\n , ,\r\n${B},Bob\r\n,\r\n`,
  'ids of the object in another column': `Id,ReportsToId\n${A},${id18(7)}\n${B},${id18(8)}\n`,
  'two byte order marks and quotes': `\ufeff\ufeff"Id","Name"\r\n"${A}","Ann"\r\n"${B}","Bob"\r\n`,
  'headers that are not UTF-8': Buffer.from(`Gr\xf6\xdfe,Id\n1,${A}\n2,${B}\n`, 'latin1'),
}

describe('a source is understood with', () => {
  for (const [what, text] of Object.entries(READABLE)) {
    test(what, async () => {
      for (const size of [1 << 20, 1, 7]) {
        const { ids, refused } = await scanText(text, { sizes: [size] })
        assert.deepEqual({ ids, refused }, { ids: both, refused: [] }, `in chunks of ${size}`)
      }
    })
  }

  test('a column named by the request, in its case before any other', async () => {
    const text = `key,KEY,Id\n${A},x,${id18(7)}\n${B},y,${id18(8)}\n`
    assert.deepEqual((await scanText(text, { column: 'key' })).ids, both)
  })

  test('a column named by the request, in another case and with spaces around', async () => {
    const text = `" My Key ",Id\n${A},x\n${B},y\n`
    assert.deepEqual((await scanText(text, { column: 'my key' })).ids, both)
    assert.deepEqual((await scanText(`KEY\n${A}\n${B}\n`, { column: 'key' })).ids, both)
  })

  test('the label of an object of two words', async () => {
    const object = { name: 'MarketSegment', prefix: '1sg' }
    const text = `Name,Market Segment ID\nx,${id18(1, '1sg')}\n`
    assert.deepEqual((await scanText(text, { object })).ids, [id15(1, '1sg')])
  })
})

test('a header alone holds nothing, and that is no error', async () => {
  for (const text of ['Id', 'Id\n', '\ufeff"Id"\r\n\r\n', 'Id,Name\n', 'Name;Id']) {
    assert.deepEqual(await scanText(text), { ids: [], short: [], refused: [] }, text)
  }
})

describe('a source is refused that', () => {
  const refusals: [what: string, code: string, text: string | Uint8Array, message: RegExp][] = [
    ['is empty', 'EMPTY_SOURCE', '', /empty/],
    ['is a byte order mark', 'EMPTY_SOURCE', '\ufeff', /empty/],
    ['is blank lines', 'EMPTY_SOURCE', '\n \r\n\r', /empty/],
    ['has no Id column', 'NO_ID_COLUMN', 'Name,Email\nx,y\n', /holds: "Name", "Email"\./],
    ['has one other column', 'NO_ID_COLUMN', 'Name\nAnn\n', /holds: "Name"\./],
    ['has two Id columns', 'AMBIGUOUS_ID_COLUMN', 'Id,Name,id\n', /holds: "Id", "Name", "id"\./],
    ['has Id twice in other words', 'AMBIGUOUS_ID_COLUMN', 'Contact ID;Id\n', /"Contact ID", "Id"/],
    ['has two ids a row', 'NO_ID_COLUMN', `${A},${B}\n`, /expected a header "Id"/],
    [
      'has no header, and ids in another column further down',
      'AMBIGUOUS_ID_COLUMN',
      `,Ann,${A}\n${B},Bob,${A}\n`,
      /^Line 2: columns 1 and 3 both contain ids of Contact, .* Add a header line/,
    ],
    [
      'has no header, and ids in another column before the one of the first row',
      'AMBIGUOUS_ID_COLUMN',
      `x,Ann,${A}\ny,Bob,${A}\n${B.slice(0, 15)},Cy,${A}\n`,
      /^Line 3: columns 1 and 3 /,
    ],
    [
      'has no header but data',
      'NO_ID_COLUMN',
      'Ann,ann@example.com,555123456\n',
      /"Ann", "ann… \(15/,
    ],
    ['is UTF-16', 'NOT_TEXT', Buffer.from(`\ufeffId\n${A}\n`, 'utf16le'), /UTF-16/],
    ['is UTF-16 without mark', 'NOT_TEXT', Buffer.from(`Id\n${A}\n`, 'utf16le'), /UTF-16/],
    ['is a workbook', 'NOT_TEXT', Uint8Array.of(0x50, 0x4b, 3, 4, 20, 0), /save it as CSV/],
    ['is compressed with gzip', 'NOT_TEXT', gzipSync('Id\n'), /gzip/],
    ['is compressed with zstd', 'NOT_TEXT', zstdCompressSync('Id\n'), /zstd/],
    ['is binary', 'NOT_TEXT', Uint8Array.from({ length: 99 }, (_, i) => (i % 31) + 1), /control/],
  ]
  for (const [what, code, text, message] of refusals) {
    test(what, async () => {
      for (const size of [1 << 20, 1]) {
        await assert.rejects(scanText(text, { sizes: [size] }), { code, message })
      }
    })
  }

  test('lacks the column that the request names', async () => {
    const missing = { code: 'NO_ID_COLUMN', message: /named "Key", .* holds: "Id", "Name"/ }
    await assert.rejects(scanText('Id,Name\n', { column: 'Key' }), missing)
    await assert.rejects(scanText(`${A}\n`, { column: 'Key' }), { code: 'NO_ID_COLUMN' })
  })

  test('holds twice the column that the request names', async () => {
    const twice = scanText('KEY,Key\n', { column: 'key' })
    await assert.rejects(twice, { code: 'AMBIGUOUS_ID_COLUMN' })
  })

  test('has a header of many and long names, which are listed in part', async () => {
    const names = Array.from({ length: 30 }, (_, n) => (n === 0 ? 'x'.repeat(500) : `N${n}`))
    await assert.rejects(scanText(names.join(',')), (error: Error) => {
      assert.match(error.message, /"xxx… \(500 characters\)", "N1", .*"N19", and 10 more/)
      return true
    })
  })

  test('begins with a line of more than a megabyte', async () => {
    for (const size of [65_536, 10_000_000]) {
      for (const last of [65, 10]) {
        const line = new Uint8Array(5_000_000).fill(65).fill(last, -1)
        const tooLong = { code: 'LINE_TOO_LONG', message: /^Line 1 / }
        await assert.rejects(collect(cut(line, [size])), tooLong)
      }
    }
  })
})

test('megabytes of blank lines before the header count as lines', async () => {
  const text = `${'\r\n'.repeat(600_000)}Id\nnobody\n`
  const { refused } = await scanText(text, { sizes: [65_535] })
  assert.deepEqual(
    refused.map(({ line }) => line),
    [600_002],
  )
})

test('leaving early closes the source', async () => {
  let closed = false
  async function* source() {
    try {
      for (;;) yield new TextEncoder().encode(`${A}\n`.repeat(10_000))
    } finally {
      closed = true
    }
  }
  const { scan } = await import('../../../src/worker/plan/scan.ts')
  for await (const _ of scan(source(), { object: { name: 'Contact', prefix: '003' } })) break
  assert.ok(closed)
})

test('what the source throws comes out', async () => {
  const lost = new Error('connection lost')
  async function* source() {
    yield new TextEncoder().encode(`Id\n${A}\n`)
    throw lost
  }
  await assert.rejects(collect(source()), lost)
})
