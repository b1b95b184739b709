import {
  kindOf,
  type SourceType,
  type StoredSource,
  wordsFor,
} from '../../shared/contract/sources/sources.ts'

/**
 * The types of source that a key may name; one that is not here it may not. Those whose ids lie
 * with the workers are narrowed by name: `file` by folders or files, each an absolute path.
 */
export type SourceRights = { readonly [Type in SourceType]?: readonly string[] | '*' }

/** What of a source is outside of the rights, in words that end a sentence; null where nothing is. */
export function beyond(rights: SourceRights | '*', source: StoredSource): string | null {
  if (rights === '*') return null
  const names = rights[source.type]
  if (names === undefined) return `sources of the type "${source.type}"`
  const isAllowed = names === '*' || kindOf(source).scope?.holds(names, source)
  return isAllowed ? null : `the ${wordsFor(source)}`
}
