import { createHash } from 'node:crypto'
import { SourceError } from '../../shared/errors.ts'
import type { Staged } from '../../shared/request.ts'
import { type Staging, StagingError } from '../../shared/staging.ts'
import type { Source } from './source.ts'

/** Bytes that were staged when the request came in: an upload, or an inline list as a CSV. */
export function stagedSource(staging: Staging, request: string, staged: Staged): Source {
  return {
    describe: () => 'upload',
    open: (signal) => read(staging, request, staged, signal),
  }
}

async function* read(
  staging: Staging,
  request: string,
  staged: Staged,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let bytes = 0
  signal?.throwIfAborted()
  try {
    for await (const block of staging.read({ request, lot: staged.lot }, 0)) {
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

function damaged(request: string, staged: Staged, bytes: number, cause?: unknown): SourceError {
  return new SourceError(
    'SOURCE_TRUNCATED',
    `Request ${request}: expected the ${staged.bytes} bytes that were uploaded, found ${bytes} or others. Nothing was deleted; submit it again.`,
    { cause },
  )
}
