import { createHash } from 'node:crypto'
import { SourceError } from '../../shared/base/errors.ts'
import type { Staged } from '../../shared/contract/request.ts'
import type { Ledger } from '../../shared/store/ledger/ledger.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { StagingError, unpack } from '../../shared/store/staging/staging.ts'
import type { Source } from './source.ts'

/** Where they may lie: the request's own record, or frames beside it. */
type Shelf = Pick<OrgStore, 'ledger' | 'staging'>

/** Bytes that were staged when the request came in: an upload, or an inline list as a CSV. */
export function stagedSource(store: Shelf, request: string, staged: Staged): Source {
  return {
    describe: () => 'upload',
    open: (signal) => read(store, request, staged, signal),
  }
}

async function* read(
  store: Shelf,
  request: string,
  staged: Staged,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let bytes = 0
  signal?.throwIfAborted()
  try {
    for await (const block of blocksOf(store, request, staged)) {
      hash.update(block)
      bytes += block.length
      yield block
      signal?.throwIfAborted()
    }
  } catch (error) {
    // What was staged once is never staged again: to read it another time would not help.
    throw error instanceof StagingError ? damaged(request, staged, bytes, error) : error
  }
  if (bytes !== staged.bytes || hash.digest('hex') !== staged.sha256) {
    throw damaged(request, staged, bytes)
  }
}

function blocksOf(
  { ledger, staging }: Shelf,
  request: string,
  { inRecord, lot }: Staged,
): AsyncIterable<Uint8Array> {
  return inRecord ? listOf(ledger, request) : staging.read({ request, lot }, 0)
}

async function* listOf(ledger: Ledger, request: string): AsyncGenerator<Uint8Array> {
  const frame = await ledger.frame(request)
  if (frame !== null) yield await unpack(frame, ledger.keys.request(request))
}

function damaged(request: string, staged: Staged, bytes: number, cause?: unknown): SourceError {
  return new SourceError(
    'SOURCE_TRUNCATED',
    `Request ${request}: expected the ${staged.bytes} bytes that were uploaded, found ${bytes} or others. Nothing was deleted; submit it again.`,
    { cause },
  )
}
