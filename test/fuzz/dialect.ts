import fc from 'fast-check'
import { id18 } from '../helpers/ids.ts'
import { type IdCell, type Row, textOf } from './meaning.ts'

/** How a table is written down: every dialect that the documentation says is read. */
export interface Dialect {
  readonly layout: 'list' | 'table'
  /** What heads the Id column; null: no header, ids alone. */
  readonly header: string | null
  /** Columns, the Id column among them. */
  readonly order: readonly Column[]
  readonly delimiter: ',' | ';' | '\t' | '|'
  readonly quotes: 'all' | 'needed'
  readonly lineEnd: '\n' | '\r\n'
  readonly bom: boolean
  readonly blankEvery: number | null
  readonly endsWithLineEnd: boolean
}

export type Column = 'id' | 'note' | 'trap'

const table = fc.record({
  layout: fc.constant('table' as const),
  header: fc.constantFrom('Id', 'id', 'Contact ID', 'ID '),
  order: fc.constantFrom<readonly Column[]>(
    ['id', 'note'],
    ['note', 'id'],
    ['id', 'trap', 'note'],
    ['trap', 'id', 'note'],
    ['note', 'trap', 'id'],
  ),
})
const list = fc.record({
  layout: fc.constant('list' as const),
  header: fc.constantFrom('Id', 'contact id', null),
  order: fc.constant<readonly Column[]>(['id']),
})

export const dialect: fc.Arbitrary<Dialect> = fc
  .tuple(
    fc.oneof(table, table, list),
    fc.record({
      delimiter: fc.constantFrom(',', ';', '\t', '|'),
      quotes: fc.constantFrom('all', 'needed'),
      lineEnd: fc.constantFrom('\n', '\r\n'),
      bom: fc.boolean(),
      blankEvery: fc.constantFrom(null, null, 2, 7),
      endsWithLineEnd: fc.boolean(),
    }),
  )
  .map(([shape, style]) => ({ ...shape, ...style }))

const HEADERS: Readonly<Record<Exclude<Column, 'id'>, string>> = {
  note: 'Description',
  trap: 'ReportsToId',
}

/** How an id is spelled in the text; damage spells it otherwise. */
type Spelling = (cell: IdCell) => string

/** The lines of the text without their ends, the header first; a note may hold line ends. */
export function linesOf(
  rows: readonly Row[],
  dialect: Dialect,
  spelling: Spelling = textOf,
): readonly string[] {
  const body = rows.map((row) => lineOf(row, dialect, spelling))
  return dialect.header === null ? body : [headerOf(dialect), ...body]
}

export function headerOf(dialect: Dialect): string {
  const { header, order } = dialect
  return order
    .map((column) => cellOf(column === 'id' ? (header ?? 'Id') : HEADERS[column], dialect))
    .join(dialect.delimiter)
}

export function lineOf(row: Row, dialect: Dialect, spelling: Spelling = textOf): string {
  return fieldsOf(row, dialect, spelling).join(dialect.delimiter)
}

/** The fields of one line as they are written. */
export function fieldsOf(row: Row, dialect: Dialect, spelling: Spelling = textOf): string[] {
  return dialect.order.map((column) => cellOf(textIn(row, column, spelling), dialect))
}

/** Whether the row is written as an empty line, which the reader passes over. */
export function isBlankRow(row: Row, dialect: Dialect): boolean {
  return lineOf(row, dialect) === ''
}

export function joinLines(lines: readonly string[], dialect: Dialect): string {
  const { bom, blankEvery, endsWithLineEnd, lineEnd } = dialect
  const spaced = lines.flatMap((line, at) =>
    blankEvery !== null && at % blankEvery === 1 ? ['', line] : [line],
  )
  return (bom ? '\uFEFF' : '') + spaced.join(lineEnd) + (endsWithLineEnd ? lineEnd : '')
}

function textIn({ id, note, trap }: Row, column: Column, spelling: Spelling): string {
  switch (column) {
    case 'id':
      return spelling(id)
    case 'note':
      return note
    case 'trap':
      return id18(trap)
    default:
      throw new TypeError(`Unknown column ${String(column satisfies never)}`)
  }
}

function cellOf(text: string, { quotes }: Dialect): string {
  const needsQuotes = /["\n\r,;\t|]/.test(text)
  return quotes === 'all' || needsQuotes ? `"${text.replaceAll('"', '""')}"` : text
}
