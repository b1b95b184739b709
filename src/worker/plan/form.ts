import { RefusedError } from '../../shared/base/errors.ts'
import { PLAIN_TEXT } from '../../shared/contract/sources/kind.ts'
import { brokenCsv, CSV_PROBLEMS } from './broken-csv.ts'
import {
  type Delimiter,
  delimitersOf,
  type FirstRow,
  type Head,
  readFirstRow,
  type Split,
  splitsOf,
} from './first-row.ts'
import { matchNames, type WantedColumn } from './header.ts'
import { fromHeaderOn, headerFurtherDown, TITLE_LINES } from './title-lines.ts'
import { clip, trimmed, withUnseenSpelled } from './unseen.ts'

/** The head from its first data row on, and the number of that line. */
interface Start {
  readonly bytes: Uint8Array
  readonly line: number
}

/** A text of one column. */
interface ColumnForm extends Start {
  readonly kind: 'column'
}

/** Any CSV with several columns. */
export interface TableForm extends Start {
  readonly kind: 'table'
  readonly delimiter: Delimiter
  /** Index of the Id column. */
  readonly column: number
  /** Number of columns in the first row. */
  readonly width: number
  /** Column names, if the first row is a header; else empty. */
  readonly header: readonly string[]
}

/** How to read a text. Decided once, from its first row. */
type TextForm = ColumnForm | TableForm

/**
 * Titles may stand above the header only if the request names its column. Without that name,
 * nothing distinguishes a title from the header or from data without one.
 *
 * @throws RefusedError NO_ID_COLUMN, AMBIGUOUS_ID_COLUMN, BROKEN_CSV
 */
export function formOf(head: Head, wanted: WantedColumn): TextForm {
  // An empty column name cannot distinguish a header from the empty cells of a title line.
  const isNamed = trimmed(wanted.column ?? '') !== ''
  return formFrom((isNamed ? fromHeaderOn(head, wanted) : null) ?? head, wanted)
}

function formFrom(head: Head, wanted: WantedColumn): TextForm {
  const delimiters = delimitersOf(head)
  if (delimiters.length === 0) return columnForm(head, wanted)
  const splits = splitsOf(head, delimiters)
  return (
    tableBy(matchNames, splits, wanted, ({ row }) => {
      assertHeader(row, head.line, wanted)
      return { ...afterFirstRow(head, row), header: row.cells }
    }) ??
    tableBy(matchValues, splits, wanted, () => ({ ...atFirstRow(head), header: [] })) ??
    refuse(splits, head, wanted)
  )
}

/**
 * If line ends were lost, the ids stand in the header row and the table below looks empty. That
 * must not end as a completed deletion of nothing.
 */
function assertHeader({ cells }: FirstRow, line: number, wanted: WantedColumn): void {
  const { object, text = PLAIN_TEXT } = wanted
  if (matchValues(cells, { object }).length === 0) return
  const got = `got an id of a ${object.name}${text.lostLineEnds}`
  throw brokenCsv(line, `expected names in the header, ${got}`)
}

function columnForm(head: Head, wanted: WantedColumn): ColumnForm {
  const row = readFirstRow(head.bytes, '')
  if (row === null) throw brokenCsv(head.line, CSV_PROBLEMS['broken first row'])
  const { cells } = row
  if (matchNames(cells, wanted).length > 0) return { kind: 'column', ...afterFirstRow(head, row) }
  if (wanted.column === undefined && cells.every(isIdShaped)) {
    return { kind: 'column', ...atFirstRow(head) }
  }
  throw noIdColumn(cells, wanted, headerFurtherDown(head, wanted))
}

/** In a text without a header: the columns of its first row that hold an id of the object. */
function matchValues(
  cells: readonly string[],
  { object, column }: WantedColumn,
): readonly number[] {
  if (column !== undefined) return []
  return cells.flatMap((cell, at) =>
    isIdShaped(cell) && cell.startsWith(object.prefix) ? [at] : [],
  )
}

function isIdShaped(cell: string): boolean {
  return ID_FORM.test(cell)
}

const ID_FORM = /^[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?$/

const atFirstRow = ({ bytes, line }: Head): Start => ({ bytes, line })

const afterFirstRow = ({ bytes, line }: Head, { length, lines }: FirstRow): Start => ({
  bytes: bytes.subarray(length),
  line: line + lines,
})

/** Uses the first delimiter with which exactly one column matches. */
function tableBy(
  match: (cells: readonly string[], wanted: WantedColumn) => readonly number[],
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

function refuse(splits: readonly Split[], head: Head, wanted: WantedColumn): never {
  const ambiguous = splits.find(({ row }) => matchNames(row.cells, wanted).length > 1)
  if (ambiguous !== undefined) throw ambiguousIdColumn(ambiguous.row.cells, wanted)
  throw noIdColumn(splits[0]?.row.cells ?? [], wanted, headerFurtherDown(head, wanted))
}

/** @param below a line below the first that looks like the header */
function noIdColumn(
  cells: readonly string[],
  wanted: WantedColumn,
  below: ReturnType<typeof headerFurtherDown>,
): RefusedError {
  const message = `No column is ${describe(wanted)}. ${found(cells)} ${adviceFor(wanted, below)}`
  const remedies = wanted.column === undefined ? [choosing(below)] : []
  return new RefusedError('NO_ID_COLUMN', message, { remedies })
}

function adviceFor({ column }: WantedColumn, below: ReturnType<typeof headerFurtherDown>): string {
  if (column !== undefined) {
    return `It was looked for in the first ${TITLE_LINES} lines, above the first id. Check how it is spelled, and what separates the columns.`
  }
  if (below === null) {
    return `The header of a specified column may be in any of the first ${TITLE_LINES} lines.`
  }
  return (
    `Line ${below.line} contains "${show(below.column)}". If that is the header, specify the column, so that ` +
    'the lines above are ignored, or remove them.'
  )
}

/** The request may name the column. */
function choosing(below: ReturnType<typeof headerFurtherDown>): RefusedError['remedies'][number] {
  return { to: 'specify the column', field: 'column', value: below && show(below.column) }
}

/**
 * A name selects a column only if it is unique, in its exact case; otherwise the export must
 * change.
 */
function ambiguousIdColumn(cells: readonly string[], wanted: WantedColumn): RefusedError {
  const names = matchNames(cells, wanted).map((at) => cells[at] ?? '')
  const unique = names.filter((name) => names.indexOf(name) === names.lastIndexOf(name))
  const advice =
    unique.length > 0
      ? `Specify ${unique.map((name) => `"${show(name)}"`).join(' or ')}.`
      : 'They have the same name and cannot be told apart: rename or remove all but the right one.'
  const message = `More than one column may be ${describe(wanted)}. ${found(cells)} ${advice}`
  const remedies = unique.length > 0 ? [choosing(null)] : []
  return new RefusedError('AMBIGUOUS_ID_COLUMN', message, { remedies })
}

const MOST_SHOWN = 20

function describe({ object, column }: WantedColumn): string {
  return column === undefined
    ? `the Id column: expected a header "Id" or "${object.name} ID", or a list of ids alone`
    : `named "${show(column)}", as the request asks`
}

function found(cells: readonly string[]): string {
  const shown = cells.slice(0, MOST_SHOWN).map((cell) => `"${show(cell)}"`)
  const more = cells.length - shown.length
  const all = more > 0 ? [...shown, `and ${more} more`] : shown
  return `The first line holds: ${all.join(', ')}.`
}

/**
 * Without a header the first line is data, so a value that does not look like a name is clipped.
 */
function show(cell: string): string {
  const isName = cell.length <= 40 && !/@|\d{5}|\p{Cc}/u.test(cell)
  return isName ? withUnseenSpelled(cell) : clip(cell)
}
