import type { DeletableObject } from '../../shared/contract/objects.ts'
import type { SourceText } from '../../shared/contract/sources/kind.ts'
import { trimmed } from './unseen.ts'

/** Which column holds the ids: the object's own Id column, or the column that the request names. */
export interface WantedColumn {
  readonly object: DeletableObject
  readonly column?: string | undefined
  readonly text?: SourceText | undefined
}

/** Columns whose header matches, ignoring case. The caller expects exactly one. */
export function matchNames(
  cells: readonly string[],
  { object, column }: WantedColumn,
): readonly number[] {
  if (column !== undefined) {
    const exact = indexesWhere(cells, (cell) => cell === column)
    return exact.length > 0 ? exact : indexesWhere(cells, (cell) => fold(cell) === fold(column))
  }
  // Reports use the object's label as the header, which is the API name with spaces.
  const label = object.name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, ' ')
  const names = ['id', `${fold(object.name)} id`, `${fold(label)} id`]
  return indexesWhere(cells, (cell) => names.includes(fold(cell)))
}

/** Whether a row repeats at least half of its cells from the header, in any order. */
export function repeatsHeader(cells: readonly string[], header: readonly string[]): boolean {
  const names = new Set(header.map(fold).filter((name) => name !== ''))
  const repeated = cells.filter((cell) => names.has(fold(cell))).length
  return repeated > 0 && 2 * repeated >= cells.length
}

function fold(name: string): string {
  return trimmed(name).replaceAll(/\s+/g, ' ').toLowerCase()
}

function indexesWhere(cells: readonly string[], test: (cell: string) => boolean): number[] {
  return cells.flatMap((cell, index) => (test(cell) ? [index] : []))
}
