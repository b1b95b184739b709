import { ExpungeError } from '../../shared/base/errors.ts'
import { CsvReader } from '../ids/csv-reader.ts'

/**
 * Reads the result files of an ingest job as they arrive. Columns are found by name, because their
 * order is not guaranteed. The echoed `Id` is authoritative, because failures leave `sf__Id` empty
 * (Bulk API 2.0, Get Job Failed Record Results); `sf__Id` is used if `Id` is missing or empty. Up
 * to version 52, failures have no `sf__Id` at all. An empty body, such as that of a 204, has no
 * rows.
 */

/** A result file lacks columns that the API promises. */
export class ResultFormatError extends ExpungeError {
  readonly code = 'RESULT_FORMAT'
}

/** The column that only this kind of file has. */
type ToldColumn = 'sf__Error' | 'sf__Created'

/** Three values instead of a list: an array for each of millions of rows would be garbage. */
type VisitRow = (id: string, sfId: string, told: string) => void

interface Positions {
  readonly id: number
  /** -1 if the file has no such column. */
  readonly sfId: number
  readonly told: number
}

/**
 * Calls `visit` with the id, the `sf__Id` and the `told` column of each row. Resolves with the
 * number of rows that have no id or another number of fields than the header. Such rows were
 * truncated or broken by a stray quote, so their content is unreliable.
 *
 * @param pause awaited regularly, so that what `visit` collects stays bounded
 * @throws ResultFormatError if a column is missing
 */
export async function eachResult(
  csv: AsyncIterable<Uint8Array>,
  told: ToldColumn,
  pause: () => Promise<void>,
  visit: VisitRow,
): Promise<number> {
  const reader = new CsvReader({ delimiters: ',' })
  const { record } = reader
  let at: Positions | undefined
  let width = 0
  let broken = 0
  for await (const _ of reader.arrivals(csv)) {
    while (reader.next()) {
      if (record.isEmpty) continue
      if (at === undefined) {
        width = record.count
        at = positionsOf(told, record)
        continue
      }
      const sfId = record.text(at.sfId)
      const id = record.text(at.id) || sfId
      const isBroken = record.count !== width || record.problem?.kind === 'text behind quote'
      if (isBroken || id === '') broken++
      else visit(id, sfId, record.text(at.told))
    }
    await pause()
  }
  return broken
}

function positionsOf(told: ToldColumn, header: CsvReader['record']): Positions {
  const names = header.texts()
  const lower = names.map((name) => name.toLowerCase())
  const find = (column: string) => lower.indexOf(column.toLowerCase())
  const sfId = find('sf__Id')
  const positions = { id: find('Id') < 0 ? sfId : find('Id'), sfId, told: find(told) }
  if (positions.id < 0) throw missing('Id', names)
  if (positions.told < 0) throw missing(told, names)
  return positions
}

function missing(column: string, names: readonly string[]): ResultFormatError {
  // If the first row is not a header, it holds values that must not be logged.
  const shown = names.map((name) => (/^[a-z_]{1,40}$/i.test(name) ? name : '…'))
  return new ResultFormatError(`A result file has no column ${column}, but ${shown.join(', ')}.`)
}
