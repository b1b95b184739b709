import type { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { endsWithin } from '../../shared/base/race.ts'
import { HttpError } from './http-error.ts'
import type { HttpTimeouts } from './timeouts.ts'

/**
 * Rejects compressed bodies. Call it before the body is read.
 *
 * @throws HttpError `MEDIA_TYPE_NOT_SUPPORTED`
 */
export function assertNotCompressed({ headers }: FastifyRequest, what: 'CSV' | 'JSON'): void {
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding.toLowerCase() === 'identity') return
  throw new HttpError(
    'MEDIA_TYPE_NOT_SUPPORTED',
    `Expected the ${what} as it is, without a Content-Encoding.`,
  )
}

/**
 * The blocks of a body as they arrive, from a sender who must keep a minimum rate. Only the time
 * spent waiting for the sender counts, not a slow Redis. A reader that stops early leaves the body
 * open, so that the call can still be answered.
 *
 * @throws HttpError `TOO_SLOW`, `BODY_CUT_SHORT`
 */
export async function* atMinimumRate(
  body: Readable,
  { graceMs, silentMs, bytesPerSecond }: HttpTimeouts['body'],
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
    // Not awaited: after a slow sender it ends only with the connection.
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
