import { createHash } from 'node:crypto'
import { SourceError } from '../../shared/base/errors.ts'
import type { Ledger } from '../../shared/store/ledger/ledger.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { StagingError, unpack } from '../../shared/store/staging/staging.ts'
import type { SourceReading, StagedList } from './source.ts'

/** Where staged bytes are: in the request's record, or in frames beside it. */
type Shelf = Pick<OrgStore, 'ledger' | 'staging'>

/** What was staged when the request was submitted: the bytes of an upload, or a list as CSV. */
export function openStaged({
  record: { request },
  staged,
  store,
  signal,
}: SourceReading): AsyncIterable<Uint8Array> {
  if (staged !== null) return readStaged(store, request.id, staged, signal)
  throw new SourceError(
    'SOURCE_NOT_FOUND',
    `The ids of request ${request.id} were not stored. Submit it again.`,
  )
}

/** @throws SourceError SOURCE_TRUNCATED if they differ from what was staged */
export async function* readStaged(
  store: Shelf,
  request: string,
  staged: StagedList,
  signal?: AbortSignal,
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
    // Bytes are staged only once: reading them again would not help.
    throw error instanceof StagingError ? damaged(request, staged, bytes, error) : error
  }
  if (bytes !== staged.bytes || hash.digest('hex') !== staged.sha256) {
    throw damaged(request, staged, bytes)
  }
}

function blocksOf(
  { ledger, staging }: Shelf,
  request: string,
  { inRecord, lot, list = 0 }: StagedList,
): AsyncIterable<Uint8Array> {
  return inRecord ? listOf(ledger, request) : staging.read({ request, lot }, list)
}

async function* listOf(ledger: Ledger, request: string): AsyncGenerator<Uint8Array> {
  const frame = await ledger.frame(request)
  if (frame !== null) yield unpack(frame, ledger.keys.request(request))
}

function damaged(request: string, staged: StagedList, bytes: number, cause?: unknown): SourceError {
  return new SourceError(
    'SOURCE_TRUNCATED',
    `Request ${request}: expected the ${staged.bytes} bytes that were uploaded, found ${bytes} or others. Submit it again.`,
    { cause },
  )
}
