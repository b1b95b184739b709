import { brokenCsv } from './broken-csv.ts'
import { DELIMITERS, type Delimiter } from './delimiters.ts'
import { type FirstRow, readFirstRow, separatorsIn } from './first-row.ts'
import type { Head } from './head.ts'

/** The first row of a text, cut at one delimiter. */
export interface Split {
  readonly delimiter: Delimiter
  readonly row: FirstRow
}

/** The delimiters that stand in the first row, or the one that a `sep=` line names if it does. */
export function delimitersOf({ bytes, delimiter }: Head): readonly Delimiter[] {
  const allowed = delimiter === undefined ? DELIMITERS : [delimiter]
  const found = separatorsIn(bytes, allowed.join(''))
  return allowed.filter((one) => found.includes(one))
}

/**
 * The first row cut at each delimiter with which its quotes match, the one of most cells first.
 *
 * @throws RefusedError BROKEN_CSV where they match with none
 */
export function splitsOf(head: Head, delimiters: readonly Delimiter[]): readonly Split[] {
  const splits = delimiters.flatMap((delimiter) => {
    const row = readFirstRow(head.bytes, delimiter)
    return row === null ? [] : [{ delimiter, row }]
  })
  if (splits.length === 0) throw brokenCsv(head.line, BROKEN_FIRST_ROW)
  return splits.sort((a, b) => b.row.cells.length - a.row.cells.length)
}

export const BROKEN_FIRST_ROW =
  'expected each quote of the first row to open or close a whole field'
