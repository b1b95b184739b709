import { fc } from '../helpers/fast-check.ts'
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
  /** How a blank row is written; `fields`: as many empty ones as the table has. */
  readonly blank: 'empty' | 'fields' | 'quoted' | 'unseen'
  readonly endsWithLineEnd: boolean
  /** Ctrl-Z behind the last line. */
  readonly endMark: boolean
  /** What a page or a spreadsheet left beside each id and its header. */
  readonly unseen: '' | '\u200b' | '\u200e' | '\u00a0' | '\u2060'
  /** A first line that names the delimiter. */
  readonly separatorLine: 'bare' | 'quoted' | null
  /** Lines above the header, whose Id column the request names then. */
  readonly titles: readonly string[]
}

/** The Id column as the request names it; undefined where its header is one that is known. */
export function namedColumn({ titles, header }: Dialect): string | undefined {
  return titles.length > 0 && header !== null ? header : undefined
}

export type Column = 'id' | 'note' | 'trap'

const TITLES = ['"Contacts to erase, all; of 2026"', '', 'Filtered by: Id | Name', ';;', '']

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
      blank: fc.constantFrom('empty', 'empty', 'fields', 'quoted', 'unseen'),
      endsWithLineEnd: fc.boolean(),
      endMark: fc.constantFrom(false, false, true),
      unseen: fc.constantFrom('', '', '', '\u200b', '\u200e', '\u00a0', '\u2060'),
      separatorLine: fc.constantFrom(null, null, 'bare', 'quoted'),
      titles: fc.constantFrom<readonly string[]>([], [], [], ['Contacts'], TITLES),
    }),
  )
  .map(([shape, style]) => ({ ...shape, ...style }))
  .map((one) => (one.header === null ? { ...one, titles: [] } : one))

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
    .map((column) =>
      cellOf(column === 'id' ? (header ?? 'Id') + dialect.unseen : HEADERS[column], dialect),
    )
    .join(dialect.delimiter)
}

export function lineOf(row: Row, dialect: Dialect, spelling: Spelling = textOf): string {
  return fieldsOf(row, dialect, spelling).join(dialect.delimiter)
}

/** The fields of one line as they are written. */
export function fieldsOf(row: Row, dialect: Dialect, spelling: Spelling = textOf): string[] {
  return dialect.order.map((column) => {
    const unseen = column === 'id' ? dialect.unseen : ''
    return cellOf(unseen + textIn(row, column, spelling) + unseen, dialect)
  })
}

/** Whether the row is written without any value, and the reader passes over it. */
export function isBlankRow(row: Row, dialect: Dialect): boolean {
  return fieldsOf(row, dialect).every(isBlankField)
}

export function isBlankField(field: string): boolean {
  const blank = '[\\u200b\\u200e\\u00a0\\u2060]*'
  return new RegExp(`^(?:${blank}|"${blank}")$`).test(field)
}

export function joinLines(lines: readonly string[], dialect: Dialect): string {
  const { bom, blankEvery, endsWithLineEnd, lineEnd } = dialect
  const spaced = lines.flatMap((line, at) =>
    blankEvery !== null && at % blankEvery === 0 ? [blankLine(dialect), line] : [line],
  )
  const all = [...separatorLine(dialect), ...dialect.titles, ...spaced]
  const end = (endsWithLineEnd ? lineEnd : '') + (dialect.endMark ? '\u001a' : '')
  return (bom ? '\uFEFF' : '') + all.join(lineEnd) + end
}

function separatorLine({ separatorLine: form, delimiter }: Dialect): readonly string[] {
  if (form === null) return []
  return [form === 'quoted' ? `"sep=${delimiter}"` : `sep=${delimiter}`]
}

function blankLine({ blank, delimiter, order }: Dialect): string {
  const field = { empty: '', fields: '', quoted: '""', unseen: '\u200b' }[blank]
  return blank === 'empty' ? '' : order.map(() => field).join(delimiter)
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
