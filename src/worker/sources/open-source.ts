import { SourceError } from '../../shared/base/errors.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import type { ReadEvents } from '../../shared/contract/source-file.ts'
import type { SourcePin } from '../../shared/store/ledger/planning.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { fileSource, otherContent } from './file.ts'
import type { Source } from './source.ts'
import { stagedSource } from './staged.ts'

/**
 * The source that a request names, ready to be read once.
 *
 * @param lot of the planning attempt that reads it
 */
export function openSource(
  { request: { id, source }, staged, limits }: RequestRecord,
  lot: string,
  store: OrgStore,
  { fileRoots: roots, fileBase: base }: Pick<GuardRails, 'fileRoots' | 'fileBase'>,
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
    case 'file': {
      const { path, sha256 } = source
      const events = sameAtEachAttempt(path, (pin) => store.ledger.pinSource({ id, lot, pin }))
      const within = limits?.files ?? null
      return fileSource({ path, roots, base, within, sha256, events })
    }
    default:
      throw new TypeError(`Unknown source ${JSON.stringify(source satisfies never)}`)
  }
}

/**
 * A worker may die over a plan. The attempt that follows must not plan what somebody has written to
 * the file since: size and time of change tell before the first attempt was read to its end, the
 * digest after that. A stale attempt comes to nothing, so it needs no check.
 */
function sameAtEachAttempt(
  path: string,
  pin: (pin: SourcePin) => Promise<'same' | 'other' | 'stale'>,
): ReadEvents {
  const assertSame = async (found: SourcePin) => {
    if ((await pin(found)) !== 'other') return
    const { bytes } = found.value
    throw otherContent(path, 'the bytes that the first attempt to plan it found', `${bytes} others`)
  }
  return {
    opened: (value) => assertSame({ field: 'seen', value }),
    ended: (value) => assertSame({ field: 'content', value }),
  }
}
