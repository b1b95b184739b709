import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type CsvRecord, eachRecord } from '../../worker/ingest/csv-records.ts'

/** The files of a request that exist, each by its name, as paths from the working directory. */
export async function resultFiles(folder: string): Promise<ReadonlyMap<string, string>> {
  const names: readonly string[] = await readdir(folder).catch(() => [])
  const wanted = ['receipt.json', 'failed.csv', 'unprocessed.csv', 'invalid.csv', 'deleted.csv']
  return new Map(
    wanted.filter((name) => names.includes(name)).map((name) => [name, shown(join(folder, name))]),
  )
}

/** As short as it can be without becoming a riddle. */
function shown(path: string): string {
  const short = relative('', path)
  return short === '' || short.startsWith('..') ? path : short
}

interface InvalidRow {
  readonly line: string
  readonly value: string
  readonly reason: string
}

/** Enough for the rows that are shown: a file of refused rows may be as long as its source. */
const FIRST_BYTES = 64 * 1024

/** The first rows of an `invalid.csv`, whose columns are Line, Value and Reason. */
export async function firstInvalidRows(path: string, most: number): Promise<readonly InvalidRow[]> {
  const rows: InvalidRow[] = []
  const start = createReadStream(path, { end: FIRST_BYTES - 1 })
  let isHeader = true
  const row = (record: CsvRecord) => {
    // The last row may be cut short.
    if (!isHeader && record.count === 3 && rows.length < most) {
      rows.push({ line: record.text(0), value: record.text(1), reason: record.text(2) })
    }
    isHeader = false
  }
  await eachRecord(start, row, async () => {})
  return rows
}
