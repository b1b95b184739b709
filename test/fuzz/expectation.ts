import { type Damage, damagedText } from './damage.ts'
import { type Dialect, isBlankRow } from './dialect.ts'
import { type IdCell, meantIds, type Row, textOf } from './meaning.ts'

/** The model: what may come of a plan, from what was meant and what happened to the text. */

export interface Options {
  readonly onInvalid: 'refuse' | 'skip'
  readonly onUnchecked: 'refuse' | 'accept'
  readonly maxRecords: number | null
}

export interface Case {
  readonly rows: readonly Row[]
  readonly dialect: Dialect
  readonly damage: Damage
  readonly options: Options
}

export type Expectation =
  /** Nothing may be planned; `why` is for whoever reads a failure. */
  | { readonly kind: 'refused'; readonly why: string }
  /** Exactly these ids are planned. */
  | { readonly kind: 'planned'; readonly ids: ReadonlySet<string> }
  /** Refused, or no other than these ids are planned. */
  | { readonly kind: 'at-most'; readonly ids: ReadonlySet<string> }
  /** The caller accepted ids without checksum, and too few were damaged for anybody to see it. */
  | { readonly kind: 'unseen' }

/** From so many damaged ids on, their letters tell that something changed their case. */
const SEEN_FROM = 40

/** Damage after which no row can be trusted, whatever the caller says of invalid ones. */
const BREAKS: ReadonlySet<Damage['kind']> = new Set([
  'raw-quotes',
  'bare-quote',
  'open-quote',
  'one-field-more',
  'one-field-less',
  'other-delimiter',
  'second-header',
])

export function expectationOf(one: Case): Expectation {
  const { rows, dialect, damage } = one
  const ids = meantIds(rows)
  if (BREAKS.has(damage.kind)) return { kind: 'refused', why: `the text is broken: ${damage.kind}` }
  switch (damage.kind) {
    case 'upper':
    case 'lower':
      return recased(one, ids)
    case 'truncated':
      return { kind: 'at-most', ids }
    default:
      return ofIntact(
        one,
        rows.filter((row) => !isBlankRow(row, dialect)),
      )
  }
}

/** Whether the damage can happen to the table at all. */
export function isPossible({ rows, dialect, damage }: Case): boolean {
  return damagedText(rows, dialect, damage) !== null
}

function ofIntact({ dialect, options }: Case, rows: readonly Row[]): Expectation {
  const cells = rows.map(({ id }) => id)
  const ids = meantIds(rows)
  const invalid = cells.filter(({ kind }) => kind !== 'id').length
  const refused = (why: string): Expectation => ({ kind: 'refused', why })
  if (dialect.header === null) {
    const [first] = cells
    if (first === undefined) return refused('an empty text')
    if (!/^\w{15}(\w{3})?$/.test(textOf(first))) return refused('neither header nor id')
  }
  // A row without an id, and with one in another column, may be a row whose columns are swapped.
  if (rows.some((row) => looksSwapped(row, dialect))) return { kind: 'at-most', ids }
  if (invalid > 0 && options.onInvalid === 'refuse') return refused('invalid rows')
  if (invalid > 0 && ids.size === 0) return refused('nothing but invalid rows')
  const hasUnchecked = firstsOf(cells).some(isUnchecked)
  if (options.onUnchecked === 'refuse' && hasUnchecked) return refused('unchecked ids')
  if (ids.size > (options.maxRecords ?? Number.POSITIVE_INFINITY))
    return refused('too many records')
  // What changed the case of an id that has a checksum may have changed those that have none.
  const isRecased = cells.some(({ kind }) => kind === 'wrong-checksum')
  return { kind: hasUnchecked && isRecased ? 'at-most' : 'planned', ids }
}

function looksSwapped({ id, note }: Row, { order }: Dialect): boolean {
  if (id.kind === 'id') return false
  return order.includes('trap') || (order.includes('note') && /^\w{18}$/.test(note.trim()))
}

/** Of an id that comes in both forms the first decides. */
function firstsOf(cells: readonly IdCell[]): readonly IdCell[] {
  const seen = new Set<number>()
  return cells.filter((cell) => {
    if (cell.kind !== 'id' || seen.has(cell.n)) return false
    seen.add(cell.n)
    return true
  })
}

const isUnchecked = (cell: IdCell): boolean => cell.kind === 'id' && cell.length === 15

/** Ids of 18 characters whose case changed are invalid rows; of 15, they name other records. */
function recased({ rows, damage, options }: Case, ids: ReadonlySet<string>): Expectation {
  const respell = (text: string) =>
    damage.kind === 'upper' ? text.toUpperCase() : text.toLowerCase()
  const changed = rows
    .map(({ id }) => id)
    .filter((cell) => isUnchecked(cell) && respell(textOf(cell)) !== textOf(cell))
  if (changed.length === 0) return { kind: 'at-most', ids }
  if (options.onUnchecked === 'refuse') return { kind: 'refused', why: 'unchecked ids' }
  const distinct = new Set(changed.map(textOf)).size
  return distinct >= SEEN_FROM ? { kind: 'refused', why: 'case damage' } : { kind: 'unseen' }
}
