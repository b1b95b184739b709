import type { Readable } from 'node:stream'
import { endsWithin } from '../../shared/base/race.ts'
import type { MinimumRate } from './limits.ts'
import { HttpError } from './problem.ts'

/**
 * The blocks of a body as they come, from a sender who must keep pace. Only the time that we wait
 * for him counts: that Redis is slow is not his fault. Who stops reading early leaves the body as it
 * is, so that it can still be answered.
 *
 * @throws HttpError `TOO_SLOW`, `BODY_CUT_SHORT`
 */
export async function* steadily(
  body: Readable,
  { graceMs, silentMs, bytesPerSecond }: MinimumRate,
): AsyncGenerator<Uint8Array> {
  const blocks = body.iterator({ destroyOnReturn: false })
  let bytes = 0
  let waitedMs = 0
  try {
    for (;;) {
      const budgetMs = graceMs + (bytes / bytesPerSecond) * 1000 - waitedMs
      const began = performance.now()
      const block = await inTime(blocks.next(), Math.min(silentMs, budgetMs))
      waitedMs += performance.now() - began
      if (block.done) return
      bytes += block.value.length
      yield block.value
    }
  } finally {
    // Not awaited: after a sender who is too slow it ends only when the connection does.
    blocks.return?.().catch(() => {})
  }
}

async function inTime(
  next: Promise<IteratorResult<Uint8Array>>,
  ms: number,
): Promise<IteratorResult<Uint8Array>> {
  try {
    if (await endsWithin(next, Math.max(0, ms))) return await next
  } catch (error) {
    throw error instanceof Error && 'code' in error && error.code === 'ECONNRESET'
      ? new HttpError('BODY_CUT_SHORT', 'The connection ended before the body did.')
      : error
  }
  next.catch(() => {})
  throw new HttpError(
    'TOO_SLOW',
    'The body came too slowly, or not at all. Nothing was accepted.',
    {
      Connection: 'close',
    },
  )
}
