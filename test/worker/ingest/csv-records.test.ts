import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { eachRecord } from '../../../src/worker/ingest/csv-records.ts'

async function recordsOf(blocks: readonly Uint8Array[]): Promise<string[][]> {
  const records: string[][] = []
  const csv = (async function* () {
    yield* blocks
  })()
  await eachRecord(
    csv,
    (record) => records.push(Array.from({ length: record.count }, (_, i) => record.text(i))),
    async () => {},
  )
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

describe('records of a result file', () => {
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

  test('an empty body has no records', async () => {
    assert.deepEqual(await recordsOf([]), [])
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
      { numRuns: 300 },
    )
  })
})
