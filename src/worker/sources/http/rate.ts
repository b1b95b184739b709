import { endsWithin } from '../../../shared/base/race.ts'
import { InterruptedError } from './failure.ts'

/** About 1 KB/s. A slower server would hold one of the worker's few plans for days. */
const LEAST_BYTES = 64 * 1024
const WITHIN_MS = 60_000

/**
 * The blocks of a body that keeps a minimum rate. Only the time spent waiting for it counts, not the
 * reader's.
 *
 * @throws InterruptedError if it is slower
 */
export async function* atMinimumRate(
  body: AsyncIterable<Uint8Array>,
  withinMs: number = WITHIN_MS,
): AsyncGenerator<Uint8Array> {
  const blocks = body[Symbol.asyncIterator]()
  let waitedMs = 0
  let bytes = 0
  for (;;) {
    const began = performance.now()
    const next = blocks.next()
    if (!(await endsWithin(next, withinMs - waitedMs))) {
      // Ends with the connection, which the caller closes.
      next.catch(() => {})
      throw new InterruptedError(`less than 64 KiB came in ${withinMs / 1000} s`)
    }
    const block = await next
    if (block.done === true) return
    waitedMs += performance.now() - began
    bytes += block.value.length
    if (bytes >= LEAST_BYTES) waitedMs = bytes = 0
    yield block.value
  }
}
