import { readFirstRow } from './first-row.ts'
import type { Head } from './head.ts'
import {
  ambiguousIdColumn,
  isIdShaped,
  type Matches,
  matchNames,
  matchValues,
  noIdColumn,
  type WantedColumn,
} from './header.ts'

export const DELIMITERS = [',', ';', '\t', '|'] as const
export type Delimiter = (typeof DELIMITERS)[number]

/** Where the first row of data begins in the head, and on which line. */
interface Start {
  readonly start: number
  readonly line: number
}

/** A text of one column. */
export interface ColumnForm extends Start {
  readonly kind: 'column'
}

/** Any other CSV. */
export interface TableForm extends Start {
  readonly kind: 'table'
  readonly delimiter: Delimiter
  /** Index of the Id column. */
  readonly column: number
  /** Columns of the first row. */
  readonly width: number
}

/** How to read a text: decided once, on its first row. */
export type Form = ColumnForm | TableForm

/**
 * @throws RefusedError NO_ID_COLUMN, AMBIGUOUS_ID_COLUMN
 */
export function formOf(head: Head, wanted: WantedColumn): Form {
  const { cells, separators, length, lines } = readFirstRow(head.bytes, DELIMITERS.join(''))
  const afterHeader = { start: length, line: head.line + lines }
  const atFirstRow = { start: 0, line: head.line }
  if (separators.length === 0) {
    if (matchNames(cells, wanted).length > 0) return { kind: 'column', ...afterHeader }
    if (wanted.column === undefined && cells.every(isIdShaped)) {
      return { kind: 'column', ...atFirstRow }
    }
    throw noIdColumn(cells, wanted)
  }
  const splits = DELIMITERS.filter((delimiter) => separators.includes(delimiter))
    .map((delimiter) => ({ delimiter, cells: readFirstRow(head.bytes, delimiter).cells }))
    .sort((a, b) => b.cells.length - a.cells.length)
  return (
    tableBy(matchNames, splits, wanted, afterHeader) ??
    tableBy(matchValues, splits, wanted, atFirstRow) ??
    refuse(splits, wanted)
  )
}

/** The first row, cut at one delimiter. */
interface Split {
  readonly delimiter: Delimiter
  readonly cells: readonly string[]
}

/** The first delimiter with which exactly one column matches. */
function tableBy(
  match: (cells: readonly string[], wanted: WantedColumn) => Matches,
  splits: readonly Split[],
  wanted: WantedColumn,
  data: Start,
): TableForm | undefined {
  for (const { delimiter, cells } of splits) {
    const [column, second] = match(cells, wanted)
    if (column === undefined || second !== undefined) continue
    return { kind: 'table', delimiter, column, width: cells.length, ...data }
  }
  return undefined
}

function refuse(splits: readonly Split[], wanted: WantedColumn): never {
  const ambiguous = splits.find(({ cells }) => matchNames(cells, wanted).length > 1)
  if (ambiguous !== undefined) throw ambiguousIdColumn(ambiguous.cells, wanted)
  throw noIdColumn(splits[0]?.cells ?? [], wanted)
}
