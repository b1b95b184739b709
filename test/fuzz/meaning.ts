import { fc } from '../helpers/fast-check.ts'
import { id15, id18 } from '../helpers/ids.ts'

/**
 * What somebody meant, before it became a text: rows that each name a record, or fail to. The model
 * never looks at how the planner reads; it knows what the rows say.
 */

/** What stands in the Id column of one row. */
export type IdCell =
  /** Record `n` of the object; 15 characters carry no checksum. */
  | { readonly kind: 'id'; readonly n: number; readonly length: 15 | 18 }
  /** An 18-character id whose case was changed. */
  | { readonly kind: 'wrong-checksum'; readonly n: number }
  | { readonly kind: 'other-object'; readonly n: number }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'empty' }

export interface Row {
  readonly id: IdCell
  /** Free text of a column beside the ids; lines of it may look like rows. */
  readonly note: string
  /** A valid id of the same object in a column that is not the Id column: it must never be taken. */
  readonly trap: number
}

/** Records that are meant are numbered below this, traps from here on. */
const TRAPS = 1_000_000
const RECORDS = 400

export const PREFIX = '003'
const OTHER_PREFIX = '00Q'

const record = fc.nat(RECORDS)

const idCell: fc.Arbitrary<IdCell> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({ kind: fc.constant('id'), n: record, length: fc.constant(18) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wrong-checksum'), n: record }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('other-object'), n: record }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('text'),
      text: fc.constantFrom('n/a', 'jane@example.com', '0035f0', '0035f00000000000000000', '-'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'empty' }) },
)

const trap = fc.nat(1000).map((n) => TRAPS + n)

const note = trap.chain((n) =>
  fc.constantFrom(
    'called',
    '',
    'a, b; c | d',
    'said "no"',
    `two\nlines`,
    `see\n${id18(n)} there`,
    `"${id18(n)}"`,
    id18(n),
    'ünï ßide',
  ),
)

/** A row of which nothing but its delimiters is left is as blank as an empty line: it is not made. */
const row: fc.Arbitrary<Row> = fc
  .record({ id: idCell, note, trap })
  .map((one) => (one.id.kind === 'empty' && one.note === '' ? { ...one, note: 'called' } : one))

/** A table of rows, now and then all with ids of 15 characters or a mixture. */
export const rows: fc.Arbitrary<readonly Row[]> = fc
  .tuple(
    fc.array(row, { maxLength: 60 }),
    fc.constantFrom<'long' | 'short' | 'mixed'>('long', 'long', 'long', 'short', 'mixed'),
    fc.boolean(),
  )
  .map(([all, lengths, clean]) =>
    (clean ? all.filter(({ id }) => id.kind === 'id') : all).map((one, at) =>
      one.id.kind === 'id' && (lengths === 'short' || (lengths === 'mixed' && at % 3 === 0))
        ? { ...one, id: { ...one.id, length: 15 } }
        : one,
    ),
  )

/** How the cell is written. */
export function textOf(cell: IdCell): string {
  switch (cell.kind) {
    case 'id':
      return cell.length === 15 ? meant15(cell.n) : meant18(cell.n)
    case 'wrong-checksum':
      return flipped(meant18(cell.n))
    case 'other-object':
      return id18(scattered(cell.n), OTHER_PREFIX)
    case 'text':
      return cell.text
    case 'empty':
      return ''
    default:
      throw new TypeError(`Unknown cell ${JSON.stringify(cell satisfies never)}`)
  }
}

/** Canonical ids of the records that the rows name. */
export function meantIds(all: readonly Row[]): ReadonlySet<string> {
  return new Set(all.flatMap(({ id }) => (id.kind === 'id' ? [meant15(id.n)] : [])))
}

export const meant15 = (n: number): string => id15(scattered(n), PREFIX)
export const meant18 = (n: number): string => id18(scattered(n), PREFIX)

/** Neighbours in number are no neighbours in the org: as a filter picks them. */
const scattered = (n: number): number => n * 7_919 * 131 + 12_345

/** The case of one letter past the prefix changed, the suffix kept. */
function flipped(id: string): string {
  const at = Array.from(id).findIndex((char, index) => index >= 3 && /[A-Za-z]/.test(char))
  const char = id.charAt(at)
  const other = char === char.toUpperCase() ? char.toLowerCase() : char.toUpperCase()
  return id.slice(0, at) + other + id.slice(at + 1)
}
