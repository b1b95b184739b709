import { isAbsolute } from 'node:path'
import type { DeletionRequest } from '../../shared/contract/request.ts'
import { isAtOrUnder } from '../../shared/contract/source-file.ts'

type Source = DeletionRequest['source']

/**
 * The types of source that a key may name; one that is not here it may not. Those whose ids lie
 * with the workers are narrowed by name: `file` by folders or files, each an absolute path.
 */
export interface SourceRights {
  readonly ids?: '*'
  readonly upload?: '*'
  readonly file?: readonly string[] | '*'
}

/** What of a source is outside of the rights, in words that end a sentence; null where nothing is. */
export function beyond(rights: SourceRights | '*', source: Source): string | null {
  if (rights === '*') return null
  if (rights[source.type] === undefined) return `sources of the type "${source.type}"`
  switch (source.type) {
    case 'ids':
    case 'upload':
      return null
    case 'file':
      return isFileAllowed(source.path, rights.file ?? []) ? null : `the file ${source.path}`
    default:
      throw new TypeError(`Unknown source ${JSON.stringify(source satisfies never)}`)
  }
}

/** A relative path starts at a root of the worker, which nobody knows here. */
function isFileAllowed(path: string, places: readonly string[] | '*'): boolean {
  if (places === '*') return true
  if (!isAbsolute(path) || path.split(/[/\\]/).includes('..')) return false
  return places.some((place) => isAtOrUnder(path, place))
}
