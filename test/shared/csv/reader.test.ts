import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseString } from 'fast-csv'
import { CsvReader } from '../../../src/shared/csv/reader.ts'
import { CsvRecord } from '../../../src/shared/csv/record.ts'
import { fc, runs } from '../../helpers/fast-check.ts'

async function recordsOf(blocks: readonly Uint8Array[]): Promise<string[][]> {
  const records: string[][] = []
  const reader = new CsvReader({ delimiters: ',' })
  const csv = (async function* () {
    yield* blocks
  })()
  for await (const _ of reader.arrivals(csv)) {
    while (reader.next()) if (!reader.record.isEmpty) records.push(reader.record.texts())
  }
  return records
}

const text = (csv: string) => [Buffer.from(csv)]

/** Cuts bytes into blocks of the sizes given, the last size repeated. */
function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const blocks: Uint8Array[] = []
  for (let at = 0, k = 0; at < bytes.length; k++) {
    const size = sizes[Math.min(k, sizes.length - 1)] ?? 1
    blocks.push(bytes.subarray(at, at + size))
    at += size
  }
  return blocks
}

describe('records of a CSV', () => {
  test('quotes, doubled quotes, separators and line ends inside a field are data', async () => {
    assert.deepEqual(await recordsOf(text('"a,b","say ""no""","two\nlines"\nc,,d\n')), [
      ['a,b', 'say "no"', 'two\nlines'],
      ['c', '', 'd'],
    ])
  })

  test('LF, CRLF and a missing last line end all end a record', async () => {
    assert.deepEqual(await recordsOf(text('a,b\r\nc,d\n\n"e",f')), [
      ['a', 'b'],
      ['c', 'd'],
      ['e', 'f'],
    ])
  })

  test('a last record without a line end is one record, wherever a chunk ends', async () => {
    for (const size of [1, 2, 3, 5, 8]) {
      const records = await recordsOf(cut(Buffer.from('alpha,beta\ngamma,delta'), [size]))
      assert.deepEqual(records, [
        ['alpha', 'beta'],
        ['gamma', 'delta'],
      ])
    }
  })

  test('an empty body has no records', async () => {
    assert.deepEqual(await recordsOf([]), [])
  })

  test('blanks around quotes are not part of the field, and those without quotes are', async () => {
    assert.deepEqual(await recordsOf(text(' "a" ,\t"b"\n c , d\n')), [
      ['a', 'b'],
      [' c ', ' d'],
    ])
  })

  test('a record longer than many chunks is read whole', async () => {
    const long = `"${'x\n'.repeat(50_000)}",b\nc,d\n`
    assert.deepEqual(await recordsOf(cut(Buffer.from(`a,b\n${long}`), [1000])), [
      ['a', 'b'],
      ['x\n'.repeat(50_000), 'b'],
      ['c', 'd'],
    ])
  })

  test('a chunk may come in the memory of the one before', async () => {
    const memory = new Uint8Array(7)
    const csv = Buffer.from('alpha,beta\ngamma,"del""ta"\n')
    async function* chunks() {
      for (let at = 0; at < csv.length; at += memory.length) {
        const part = csv.subarray(at, at + memory.length)
        memory.set(part)
        yield memory.subarray(0, part.length)
      }
    }
    const reader = new CsvReader({ delimiters: ',' })
    const records: string[][] = []
    for await (const _ of reader.arrivals(chunks())) {
      while (reader.next()) records.push(reader.record.texts())
    }
    assert.deepEqual(records, [
      ['alpha', 'beta'],
      ['gamma', 'del"ta'],
    ])
  })

  test('the first departure from RFC 4180 is told by its place, and what follows is read on', () => {
    const record = new CsvRecord({ delimiters: ',' })
    const cases = [
      ['a"b,c"\nnext', 'quote in field', 1, 0, 7],
      ['"a\r\nb"c",d\nnext', 'text behind quote', 6, 1, 11],
      ['"a" "b",c\nnext', 'text behind quote', 4, 0, 10],
    ] as const
    for (const [csv, kind, offset, lines, next] of cases) {
      assert.equal(record.read(Buffer.from(csv), 0, true), next)
      assert.deepEqual(record.problem, { kind, offset, lines })
    }
  })

  test('a quote that never closes makes no record', async () => {
    assert.deepEqual(await recordsOf(text('a,b\n"c,d\ne,f\n')), [['a', 'b']])
  })

  test('any table, written with or without quotes and cut anywhere, is read as it was', async () => {
    const field = fc.string({
      unit: fc.constantFrom('a', '"', ',', '\n', '\r', 'é', ' ', '0'),
      maxLength: 6,
    })
    const table = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 8 })
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(table, sizes, fc.boolean(), fc.boolean(), async (rows, cuts, all, crlf) => {
        const write = (value: string) =>
          all || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
        const csv = rows.map((row) => row.map(write).join(',') + (crlf ? '\r\n' : '\n')).join('')
        assert.deepEqual(await recordsOf(cut(Buffer.from(csv), cuts)), rows)
      }),
      { numRuns: runs(300) },
    )
  })

  test('whatever a text holds, up to its first problem fast-csv reads the same records', async () => {
    const piece = fc.constantFrom(
      ...'"",,\n\r \t;a\u00a0\u3000\u200bé😀\\',
      '""',
      '","',
      '"\n"',
      '\r\n',
    )
    const junk = fc.array(piece, { maxLength: 80 }).map((pieces) => pieces.join(''))
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 })
    const delimiter = fc.constantFrom(',', ';', '\t')
    await fc.assert(
      fc.asyncProperty(delimiter, junk, sizes, async (delimiters, csv, cuts) => {
        const reader = new CsvReader({ delimiters })
        const records: string[][] = []
        let read = ''
        for await (const _ of reader.arrivals(ReadableStream.from(cut(Buffer.from(csv), cuts)))) {
          while (reader.record.problem === null && reader.next()) {
            if (reader.record.problem !== null) break
            records.push(reader.record.texts().map(withoutBlanks))
            read += `${reader.record.bytes}\n`
          }
        }
        assert.deepEqual(records, await peerRecordsOf(read, delimiters))
      }),
      { numRuns: runs(1000) },
    )
  })
})

/** The records as fast-csv reads them: it drops the only field of an empty line, and blanks that stand alone. */
async function peerRecordsOf(csv: string, delimiter: string): Promise<string[][]> {
  const rows: string[][] = await parseString<string[], string[]>(csv, { delimiter }).toArray()
  return rows.map((fields) => (fields.length === 0 ? [''] : fields.map(withoutBlanks)))
}

const withoutBlanks = (field: string) => (field.trim() === '' ? '' : field)
