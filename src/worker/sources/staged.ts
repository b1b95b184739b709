import { createHash } from 'node:crypto'
import { SourceError } from '../../shared/errors.ts'
import type { Staged } from '../../shared/request.ts'
import type { Staging } from '../../shared/staging.ts'
import type { Source } from './source.ts'

/** Bytes that were staged when the request came in: an upload, or an inline list as a CSV. */
export function stagedSource(staging: Staging, request: string, staged: Staged): Source {
  return {
    describe: () => 'upload',
    open: () => read(staging, request, staged),
  }
}

async function* read(
  staging: Staging,
  request: string,
  staged: Staged,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const block of staging.read({ request, lot: staged.lot }, 0)) {
    hash.update(block)
    bytes += block.length
    yield block
  }
  if (bytes !== staged.bytes || hash.digest('hex') !== staged.sha256) {
    throw new SourceError(
      'SOURCE_TRUNCATED',
      `Request ${request}: expected the ${staged.bytes} bytes that were uploaded, found ${bytes} or others. Nothing was deleted; submit it again.`,
    )
  }
}
