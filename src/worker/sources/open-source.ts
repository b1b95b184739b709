import { SourceError } from '../../shared/errors.ts'
import type { OrgStore } from '../../shared/org-store.ts'
import type { Staged, StoredRequest } from '../../shared/request.ts'
import { fileSource } from './file.ts'
import type { Source } from './source.ts'
import { stagedSource } from './staged.ts'

/** The source that a request names, ready to be read once. */
export function openSource(
  { id, source }: StoredRequest,
  staged: Staged | null,
  { store, fileRoots }: { readonly store: OrgStore; readonly fileRoots: readonly string[] },
): Source {
  switch (source.type) {
    case 'ids':
    case 'upload':
      if (staged === null) {
        throw new SourceError(
          'SOURCE_NOT_FOUND',
          `Request ${id} was entered without its ids. Submit it again.`,
        )
      }
      return stagedSource(store, id, staged)
    case 'file':
      return fileSource({ path: source.path, roots: fileRoots })
    default:
      throw new TypeError(`Unknown source ${JSON.stringify(source satisfies never)}`)
  }
}
