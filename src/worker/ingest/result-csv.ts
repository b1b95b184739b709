import { ExpungeError } from '../../shared/errors.ts'
import { type CsvRecord, eachRecord } from './csv-records.ts'

/**
 * The result files of an ingest job, read as they arrive. Columns are found by name: their order is
 * not promised, and the echoed `Id` is the one to trust, for failures leave `sf__Id` empty (Bulk
 * API 2.0, Get Job Failed Record Results). An empty body, as of a 204, has no rows.
 */

/** A result file without the columns that the API promises. */
export class ResultFormatError extends ExpungeError {
  readonly code = 'RESULT_FORMAT'
}

/** Three, not a list: rows come by the million, and an array for each would be as much garbage. */
type Columns = readonly [string, string, string]

/**
 * Calls `visit` with the values of the named columns, in their order, for each row. Resolves with
 * the number of rows that have not as many fields as the header: those were cut off, or broken by a
 * stray quote, and what they say may be half of the truth.
 *
 * @param pause awaited now and then, so that whatever `visit` gathers stays bounded
 * @throws ResultFormatError where a column is missing
 */
export async function eachResult(
  csv: AsyncIterable<Uint8Array>,
  columns: Columns,
  visit: (first: string, second: string, third: string) => void,
  pause: () => Promise<void>,
): Promise<number> {
  let at: readonly number[] | undefined
  let width = 0
  let broken = 0
  const row = (record: CsvRecord) => {
    if (at === undefined) {
      width = record.count
      at = columns.map((column) => positionOf(column, record))
      return
    }
    if (record.count !== width) {
      broken++
      return
    }
    const [first = -1, second = -1, third = -1] = at
    visit(record.text(first), record.text(second), record.text(third))
  }
  await eachRecord(csv, row, pause)
  return broken
}

function positionOf(column: string, header: CsvRecord): number {
  const names = Array.from({ length: header.count }, (_, index) => header.text(index))
  const index = names.findIndex((name) => name.toLowerCase() === column.toLowerCase())
  if (index >= 0) return index
  // Where the first row is no header it holds what nobody may log.
  const shown = names.map((name) => (/^[a-z_]{1,40}$/i.test(name) ? name : '…'))
  throw new ResultFormatError(`A result file has no column ${column}, but ${shown.join(', ')}.`)
}
