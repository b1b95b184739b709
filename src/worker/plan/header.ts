import { RefusedError } from '../../shared/base/errors.ts'
import type { DeletableObject } from '../../shared/contract/objects.ts'
import type { SourceText } from '../../shared/contract/sources/kind.ts'
import { clip } from './refused-row.ts'
import { trimmed, withUnseenSpelled } from './unseen.ts'

/** Where the request names the column: reports have a title, filters and empty lines above their header. */
export const TITLE_LINES = 20

/** Which column holds the ids: the object's own Id column, or the one that the request names. */
export interface WantedColumn {
  readonly object: DeletableObject
  readonly column?: string | undefined
  readonly text?: SourceText | undefined
}

/** Columns that would do; one is what is hoped for. */
export type Matches = readonly number[]

/** Columns whose header says that they hold the ids, in any case. */
export function matchNames(cells: readonly string[], { object, column }: WantedColumn): Matches {
  if (column !== undefined) {
    const exact = indexesWhere(cells, (cell) => cell === column)
    return exact.length > 0 ? exact : indexesWhere(cells, (cell) => fold(cell) === fold(column))
  }
  // Reports head the column with the object's label, which is the API name with spaces.
  const label = object.name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, ' ')
  const names = ['id', `${fold(object.name)} id`, `${fold(label)} id`]
  return indexesWhere(cells, (cell) => names.includes(fold(cell)))
}

/** Columns of a row without header above it that hold an id of the object. */
export function matchValues(cells: readonly string[], { object, column }: WantedColumn): Matches {
  if (column !== undefined) return []
  return indexesWhere(cells, (cell) => ID_FORM.test(cell) && cell.startsWith(object.prefix))
}

/** Whether a row repeats the names of a header, in any order: at least half of its cells do. */
export function repeatsHeader(cells: readonly string[], header: readonly string[]): boolean {
  const names = new Set(header.map(fold).filter((name) => name !== ''))
  const repeated = cells.filter((cell) => names.has(fold(cell))).length
  return repeated > 0 && 2 * repeated >= cells.length
}

export function isIdShaped(cell: string): boolean {
  return ID_FORM.test(cell)
}

/** @param below a line under the first that looks like the header */
export function noIdColumn(
  cells: readonly string[],
  wanted: WantedColumn,
  below: { readonly line: number; readonly column: string } | null,
): RefusedError {
  const message = `No column is ${describe(wanted)}. ${found(cells)} ${adviceFor(wanted, below)}`
  return new RefusedError('NO_ID_COLUMN', message)
}

function adviceFor(
  { column }: WantedColumn,
  below: { readonly line: number; readonly column: string } | null,
): string {
  if (column !== undefined) {
    return `It was looked for in the first ${TITLE_LINES} lines, above the first id. Check how it is spelled, and what separates the columns.`
  }
  if (below === null) {
    return `Name the column with the option "column" (--column): its header is then looked for in the first ${TITLE_LINES} lines.`
  }
  return (
    `Line ${below.line} holds "${show(below.column)}": where that is the header, name it with the option "column" (--column), ` +
    'so that the lines above are passed over, or remove these.'
  )
}

/** Names tell columns apart where they differ, be it in case; else the export has to change. */
export function ambiguousIdColumn(cells: readonly string[], wanted: WantedColumn): RefusedError {
  const names = matchNames(cells, wanted).map((at) => cells[at] ?? '')
  const unique = names.filter((name) => names.indexOf(name) === names.lastIndexOf(name))
  const advice =
    unique.length > 0
      ? `Name the one that is meant with the option "column" (--column): ${unique.map((name) => `"${show(name)}"`).join(' or ')}.`
      : `They have the same name, so the option "column" cannot tell them apart: rename or remove all but the one that is meant.`
  const message = `More than one column may be ${describe(wanted)}. ${found(cells)} ${advice}`
  return new RefusedError('AMBIGUOUS_ID_COLUMN', message)
}

/**
 * Without a header nothing but its ids tells the Id column: a second column of them may be it as well,
 * however late it shows. The first row may lack its own id and have that of the person reported to.
 */
export function twoIdColumns(
  line: number,
  columns: readonly [number, number],
  object: string,
): RefusedError {
  const [first, second] = [Math.min(...columns) + 1, Math.max(...columns) + 1]
  return new RefusedError(
    'AMBIGUOUS_ID_COLUMN',
    `Line ${line}: columns ${first} and ${second} both hold ids of a ${object}, and there is no header that says which ` +
      'of them is meant. Nothing was deleted. Write a header line above the rows, with Id over the column that is meant.',
  )
}

const ID_FORM = /^[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?$/
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

/** Without a header the first line is data: what does not look like a name is not shown whole. */
function show(cell: string): string {
  const isName = cell.length <= 40 && !/@|\d{5}|\p{Cc}/u.test(cell)
  return isName ? withUnseenSpelled(cell) : clip(cell)
}

function fold(name: string): string {
  return trimmed(name).replaceAll(/\s+/g, ' ').toLowerCase()
}

function indexesWhere(cells: readonly string[], test: (cell: string) => boolean): number[] {
  return cells.flatMap((cell, index) => (test(cell) ? [index] : []))
}
