import { ExpungeError } from '../../shared/base/errors.ts'
import { CsvReader } from '../ids/csv-reader.ts'

/**
 * The result files of an ingest job, read as they arrive. Columns are found by name, for their order
 * is not promised. The echoed `Id` is the one to trust, for failures leave `sf__Id` empty (Bulk API
 * 2.0, Get Job Failed Record Results); `sf__Id` stands in where no `Id` is echoed, or an empty one.
 * Up to version 52 failures have no `sf__Id` at all. An empty body, as of a 204, has no rows.
 */

/** A result file without the columns that the API promises. */
export class ResultFormatError extends ExpungeError {
  readonly code = 'RESULT_FORMAT'
}

/** What a file tells of each row, by the column that only this file has. */
type ToldColumn = 'sf__Error' | 'sf__Created'

/** Three values, not a list: rows come by the million, and an array for each would be as much garbage. */
type VisitRow = (id: string, sfId: string, told: string) => void

interface Positions {
  readonly id: number
  /** -1 where the file has no such column. */
  readonly sfId: number
  readonly told: number
}

/**
 * Calls `visit` with the id, `sf__Id` and the value of the column `told` of each row. Resolves with
 * the number of rows that have no id, or not as many fields as the header: those were cut off, or
 * broken by a stray quote, and what they say may be half of the truth.
 *
 * @param pause awaited now and then, so that whatever `visit` gathers stays bounded
 * @throws ResultFormatError where a column is missing
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
  // Where the first row is no header it holds what nobody may log.
  const shown = names.map((name) => (/^[a-z_]{1,40}$/i.test(name) ? name : '…'))
  return new ResultFormatError(`A result file has no column ${column}, but ${shown.join(', ')}.`)
}
