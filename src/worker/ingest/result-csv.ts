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

/** At most three: rows come by the million, and an array for each would be as much garbage. */
type Columns = readonly [string, string?, string?]

/**
 * Calls `visit` with the values of the named columns, in their order, for each row.
 *
 * @param pause awaited now and then, so that whatever `visit` gathers stays bounded
 */
export async function eachResult(
  csv: AsyncIterable<Uint8Array>,
  columns: Columns,
  visit: (first: string, second: string, third: string) => void,
  pause: () => Promise<void>,
): Promise<void> {
  let at: readonly number[] | undefined
  let width = 0
  const row = (record: CsvRecord) => {
    if (at === undefined) {
      width = record.count
      at = columns.flatMap((column) => column ?? []).map((column) => positionOf(column, record))
      return
    }
    // The file was cut off in this row; what it says may be half of the truth.
    if (record.count < width) return
    const [first = -1, second = -1, third = -1] = at
    visit(record.text(first), record.text(second), record.text(third))
  }
  await eachRecord(csv, row, pause)
}

function positionOf(column: string, header: CsvRecord): number {
  const names = Array.from({ length: header.count }, (_, index) => header.text(index))
  const index = names.findIndex((name) => name.toLowerCase() === column.toLowerCase())
  if (index >= 0) return index
  throw new ResultFormatError(
    `A result file has no column ${column}, but ${names.map((name) => name.slice(0, 40)).join(', ')}.`,
  )
}
