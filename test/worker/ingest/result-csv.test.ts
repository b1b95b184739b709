import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { canonicalId, to18 } from '../../../src/shared/contract/record-id.ts'
import { CsvReader } from '../../../src/shared/csv/reader.ts'
import { eachResult } from '../../../src/worker/ingest/result-csv.ts'
import { fc, runs } from '../../helpers/fast-check.ts'
import { id15, id18 } from '../../helpers/ids.ts'

interface Found {
  readonly rows: readonly string[]
  readonly unreadable: number
}

/** Rows that repeat are found by their bytes, so most texts and forms here come again and again. */
const texts = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('A:no', 'A:no, ""never"":--', 'B:é\n2', '', '"",""') },
  { weight: 1, arbitrary: fc.string({ maxLength: 12 }).map((text) => text.replaceAll('"', '""')) },
)
const ids = fc.oneof(
  { weight: 8, arbitrary: fc.nat(70).map(id18) },
  { weight: 1, arbitrary: fc.nat(70).map(id15) },
  { weight: 1, arbitrary: fc.constantFrom('', 'x', `${id15(1)}AAZ`, '0035f00000!!abc', '"', 'é') },
)
const row = fc
  .record({
    ...{ id: ids, other: fc.constantFrom('none', 'none', 'same', 'short', 'another'), text: texts },
    form: fc.constantFrom('quoted', 'quoted', 'quoted', 'plain', 'blanks', 'cut', 'behind', 'more'),
    end: fc.constantFrom('\n', '\n', '\n', '\r\n', '\r', '\n\n'),
  })
  .map(({ id, other, text, form, end }) => {
    const others = { none: '', same: id, short: id.slice(0, 15), another: id18(71) }
    const fields = [others[other], text, id]
    const quoted = fields.map((field) => `"${field}"`)
    const rows = {
      ...{ quoted, plain: fields, blanks: quoted.map((field) => ` ${field}\t`) },
      ...{ cut: quoted.slice(0, 2), behind: quoted.map((field) => `${field}x`) },
      more: [...quoted, 'more'],
    }
    return `${rows[form].join(',')}${end}`
  })

describe('rows of a result file', () => {
  test('come to what each of them says by itself, wherever a block ends', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          'sf__Id,sf__Error,Id\n',
          '"SF__ID","sf__Error","id"\r\n',
          'a,sf__Error,Id\n',
        ),
        fc.array(row, { maxLength: 60 }),
        fc.integer({ min: 1, max: 400 }),
        async (header, rows, block) => {
          const csv = Buffer.from(header + rows.join(''))
          assert.deepEqual(await found(csv, block), await expected(csv))
        },
      ),
      { numRuns: runs(400) },
    )
  })

  test('are read once for each text, and then found by their bytes', async () => {
    const read: string[] = []
    const rows = Array.from({ length: 500 }, (_, n) => `"","${'ABC'[n % 3]}:no","${id18(n)}"\n`)
    const csv = Buffer.from(`"sf__Id","sf__Error","Id"\n${rows.join('')}`)
    const seen: string[] = []
    await eachResult(blocks(csv, 64), 'sf__Error', {
      read: (text) => read.push(text),
      visit: (id) => seen.push(id.toString()),
      pause: async () => {},
    })
    assert.deepEqual(read, ['A:no', 'B:no', 'C:no'])
    assert.deepEqual(
      seen,
      rows.map((_, n) => id18(n)),
    )
  })
})

async function found(csv: Buffer, block: number): Promise<Found> {
  const rows: string[] = []
  const unreadable = await eachResult(blocks(csv, block), 'sf__Error', {
    read: (text) => text,
    visit: (id, text) => rows.push(`${id.toString('latin1')} ${text}`),
    pause: async () => {},
  })
  return { rows, unreadable }
}

/** Every row parsed by itself, with its fields as strings. */
async function expected(csv: Buffer): Promise<Found> {
  const rows: string[] = []
  let columns: string[] | undefined
  let unreadable = 0
  const reader = new CsvReader({ delimiters: ',' })
  for await (const _ of reader.arrivals(blocks(csv, csv.length))) {
    while (reader.next()) {
      const { record } = reader
      if (record.isEmpty) continue
      const fields = record.texts()
      if (columns === undefined) {
        columns = fields.map((name) => name.toLowerCase())
        continue
      }
      const field = (name: string) => fields[columns?.indexOf(name) ?? -1] ?? ''
      const id = field('id') || field('sf__id')
      const other = field('sf__id') || id
      const canonical = canonicalOf(id)
      const isBroken =
        fields.length !== columns.length || record.problem?.kind === 'text behind quote'
      if (isBroken || canonical === undefined || !other.startsWith(canonical)) unreadable++
      else rows.push(`${to18(canonical)} ${field('sf__error')}`)
    }
  }
  return { rows, unreadable }
}

/** The suffix of a listed id is not checked, because only ids that were sent match. */
function canonicalOf(id: string): string | undefined {
  return id.length === 15 || id.length === 18 ? canonicalId(id.slice(0, 15)) : undefined
}

async function* blocks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
