import { fc } from '../helpers/fast-check.ts'
import { id18 } from '../helpers/ids.ts'
import {
  type Dialect,
  fieldsOf,
  headerOf,
  isBlankField,
  isBlankRow,
  joinLines,
  lineOf,
  linesOf,
} from './dialect.ts'
import { type Row, textOf } from './meaning.ts'

/** What happens to a text between whoever meant it and the planner. */
export type Damage =
  | { readonly kind: 'none' }
  /** A note with quotes that are not doubled, and a line that is an id. */
  | { readonly kind: 'raw-quotes'; readonly at: number }
  /** A quote within a field that is not quoted. */
  | { readonly kind: 'bare-quote'; readonly at: number }
  /** A quote that opens and never closes. */
  | { readonly kind: 'open-quote'; readonly at: number }
  | { readonly kind: 'one-field-more'; readonly at: number }
  | { readonly kind: 'one-field-less'; readonly at: number }
  /** Another export pasted below, with a header of its own and its columns in another order. */
  | { readonly kind: 'second-header'; readonly at: number; readonly bom: boolean }
  /** A row with another delimiter. */
  | { readonly kind: 'other-delimiter'; readonly at: number }
  /** The transfer ended early. */
  | { readonly kind: 'truncated'; readonly share: number }
  /** UPPER() or LOWER() over the whole column, as spreadsheets and databases have it. */
  | { readonly kind: 'upper' | 'lower' }

const place = fc.nat(60)

export const damage: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ kind: 'none' as const }) },
  fc.record({ kind: fc.constant('raw-quotes' as const), at: place }),
  fc.record({ kind: fc.constant('bare-quote' as const), at: place }),
  fc.record({ kind: fc.constant('open-quote' as const), at: place }),
  fc.record({ kind: fc.constant('one-field-more' as const), at: place }),
  fc.record({ kind: fc.constant('one-field-less' as const), at: place }),
  fc.record({ kind: fc.constant('second-header' as const), at: place, bom: fc.boolean() }),
  fc.record({ kind: fc.constant('other-delimiter' as const), at: place }),
  fc.record({
    kind: fc.constant('truncated' as const),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  fc.record({ kind: fc.constant('upper' as const) }),
  fc.record({ kind: fc.constant('lower' as const) }),
)

/** The damaged text; null where this damage cannot happen to such a table. */
export function damagedText(rows: readonly Row[], dialect: Dialect, damage: Damage): string | null {
  const lines = linesOf(rows, dialect)
  switch (damage.kind) {
    case 'none':
      return joinLines(lines, dialect)
    case 'raw-quotes':
      return withNote(
        rows,
        dialect,
        damage.at,
        ({ trap }) => `"he said "no\n${id18(trap)} x\n" so"`,
      )
    case 'bare-quote':
      return withNote(rows, dialect, damage.at, () => 'a 5" pipe')
    case 'open-quote':
      return withNote(rows, dialect, damage.at, () => '"and so on')
    case 'one-field-more':
      if (!canBeWider(rows, dialect)) return null
      return withFields(rows, dialect, damage.at, (fields) => [...fields, 'x'])
    case 'one-field-less': {
      if (dialect.layout === 'list') return null
      // A row of which nothing is left is a blank line.
      const isLeft = (fields: readonly string[]) => !fields.every(isBlankField)
      return withFields(rows, dialect, damage.at, (fields) =>
        isLeft(fields.slice(0, -1)) ? fields.slice(0, -1) : [],
      )
    }
    case 'other-delimiter': {
      if (dialect.layout === 'list') return null
      const other = dialect.delimiter === ',' ? ';' : ','
      return withFields(rows, dialect, damage.at, (fields) => [fields.join(other)])
    }
    case 'second-header':
      return pasted(rows, dialect, damage)
    case 'truncated': {
      const bytes = Buffer.from(joinLines(lines, dialect))
      return bytes.subarray(0, Math.floor(bytes.length * damage.share)).toString('utf8')
    }
    case 'upper':
      return joinLines(
        linesOf(rows, dialect, (cell) => textOf(cell).toUpperCase()),
        dialect,
      )
    case 'lower':
      return joinLines(
        linesOf(rows, dialect, (cell) => textOf(cell).toLowerCase()),
        dialect,
      )
    default:
      throw new TypeError(`Unknown damage ${JSON.stringify(damage satisfies never)}`)
  }
}

/** Whether a field more shows: not where it is blank space, or where no other row tells the width. */
function canBeWider(rows: readonly Row[], dialect: Dialect): boolean {
  if (dialect.layout === 'table') return true
  const lines = rows.filter((row) => !isBlankRow(row, dialect)).length
  return dialect.delimiter !== '\t' && (dialect.header !== null || lines > 1)
}

/** One note is written as the damage has it. */
function withNote(
  rows: readonly Row[],
  dialect: Dialect,
  at: number,
  raw: (row: Row) => string,
): string | null {
  const place = dialect.order.indexOf('note')
  if (place < 0) return null
  return withFields(rows, dialect, at, (fields, row) => fields.with(place, raw(row)))
}

/** The fields of one row are written as the damage has them. */
function withFields(
  rows: readonly Row[],
  dialect: Dialect,
  at: number,
  /** No fields: the damage cannot happen to this row. */
  change: (fields: string[], row: Row) => readonly string[],
): string | null {
  const index = at % Math.max(1, rows.length)
  const row = rows[index]
  if (row === undefined) return null
  const fields = change(fieldsOf(row, dialect), row)
  if (fields.length === 0) return null
  const line = fields.join(dialect.delimiter)
  const lines = linesOf(rows, dialect)
  return joinLines(lines.with(index + (dialect.header === null ? 0 : 1), line), dialect)
}

/** A second export of the same records, its columns the other way round, below a row of the first. */
function pasted(
  rows: readonly Row[],
  dialect: Dialect,
  { at, bom }: Extract<Damage, { kind: 'second-header' }>,
): string | null {
  const lines = linesOf(rows, dialect)
  const below = 1 + (at % Math.max(1, rows.length)) + (dialect.header === null ? 0 : 1)
  // Below blank lines alone it is the first header.
  if (rows.length === 0 || lines.slice(0, below).every(isBlankField)) return null
  const other = { ...dialect, order: dialect.order.toReversed() }
  const header = (bom ? '\uFEFF' : '') + headerOf(other)
  const second = [header, ...rows.slice(0, 3).map((row) => lineOf(row, other))]
  return joinLines([...lines.slice(0, below), ...second, ...lines.slice(below)], dialect)
}
