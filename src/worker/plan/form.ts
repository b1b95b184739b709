import { brokenCsv } from './broken-csv.ts'
import { type FirstRow, readFirstRow, separatorsIn } from './first-row.ts'
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
  /** Their names, where the first row is a header. */
  readonly header: readonly string[]
}

/** How to read a text: decided once, on its first row. */
export type Form = ColumnForm | TableForm

/**
 * @throws RefusedError NO_ID_COLUMN, AMBIGUOUS_ID_COLUMN, BROKEN_CSV
 */
export function formOf(head: Head, wanted: WantedColumn): Form {
  const separators = separatorsIn(head.bytes, DELIMITERS.join(''))
  const delimiters = DELIMITERS.filter((delimiter) => separators.includes(delimiter))
  if (delimiters.length === 0) return columnForm(head, wanted)
  const splits = splitsOf(head, delimiters)
  return (
    tableBy(matchNames, splits, wanted, ({ row }) => {
      assertHeader(row, head.line, wanted)
      return { ...afterFirstRow(head, row), header: row.cells }
    }) ??
    tableBy(matchValues, splits, wanted, () => ({ ...atFirstRow(head), header: [] })) ??
    refuse(splits, wanted)
  )
}

/**
 * Where line ends were lost the ids stand beside the header, and the table below it seems empty: that
 * must not end as a deletion of nothing that is complete.
 */
function assertHeader({ cells }: FirstRow, line: number, wanted: WantedColumn): void {
  if (matchValues(cells, { object: wanted.object }).length === 0) return
  throw brokenCsv(line, `expected names in the header, got an id of a ${wanted.object.name}`)
}

function columnForm(head: Head, wanted: WantedColumn): ColumnForm {
  const row = readFirstRow(head.bytes, '')
  if (row === null) throw brokenCsv(head.line, BROKEN_FIRST_ROW)
  const { cells } = row
  if (matchNames(cells, wanted).length > 0) return { kind: 'column', ...afterFirstRow(head, row) }
  if (wanted.column === undefined && cells.every(isIdShaped)) {
    return { kind: 'column', ...atFirstRow(head) }
  }
  throw noIdColumn(cells, wanted)
}

const BROKEN_FIRST_ROW = 'expected each quote of the first row to open or close a whole field'

const atFirstRow = ({ line }: Head): Start => ({ start: 0, line })

const afterFirstRow = ({ line }: Head, { length, lines }: FirstRow): Start => ({
  start: length,
  line: line + lines,
})

/** The first row, cut at one delimiter. */
interface Split {
  readonly delimiter: Delimiter
  readonly row: FirstRow
}

/**
 * The first row cut at each delimiter with which its quotes match, the one of most cells first.
 *
 * @throws RefusedError BROKEN_CSV where they match with none
 */
function splitsOf(head: Head, delimiters: readonly Delimiter[]): readonly Split[] {
  const splits = delimiters.flatMap((delimiter) => {
    const row = readFirstRow(head.bytes, delimiter)
    return row === null ? [] : [{ delimiter, row }]
  })
  if (splits.length === 0) throw brokenCsv(head.line, BROKEN_FIRST_ROW)
  return splits.sort((a, b) => b.row.cells.length - a.row.cells.length)
}

/** The first delimiter with which exactly one column matches. */
function tableBy(
  match: (cells: readonly string[], wanted: WantedColumn) => Matches,
  splits: readonly Split[],
  wanted: WantedColumn,
  dataOf: (split: Split) => Start & Pick<TableForm, 'header'>,
): TableForm | undefined {
  for (const split of splits) {
    const { cells } = split.row
    const [column, second] = match(cells, wanted)
    if (column === undefined || second !== undefined) continue
    const { delimiter } = split
    return { kind: 'table', delimiter, column, width: cells.length, ...dataOf(split) }
  }
  return undefined
}

function refuse(splits: readonly Split[], wanted: WantedColumn): never {
  const ambiguous = splits.find(({ row }) => matchNames(row.cells, wanted).length > 1)
  if (ambiguous !== undefined) throw ambiguousIdColumn(ambiguous.row.cells, wanted)
  throw noIdColumn(splits[0]?.row.cells ?? [], wanted)
}
