import type { Context } from '../../shared/base/context.ts'
import { lateTrouble } from '../../shared/store/redis/redis.ts'
import { type SettleDeps, settleRequest } from '../end/settle.ts'
import { type Loop, startLoop } from '../jobs/loop.ts'

/**
 * While Redis is full, BullMQ can neither hand out nor take an order, and the sweep cannot get its
 * turn, but only settling a request frees memory. So each worker then settles what can be settled,
 * without an order. That takes no memory, and several workers may do it at once.
 */

const CHECK_MS = 1000

/** @param requests the requests that may be settled */
export function startFreeingMemory(
  requests: () => Promise<readonly string[]>,
  deps: SettleDeps,
  ctx: Context,
): Loop {
  const onError = (err: unknown) =>
    ctx.log.error({ err }, 'Records could not be deleted to free memory. It will be retried.')
  return startLoop(ctx, { everyMs: CHECK_MS, onError }, async (own) => {
    if (lateTrouble(deps.store.redis) !== 'REDIS_FULL') return
    await settleEach(await requests(), deps, own)
  })
}

/** Settles those of the requests that can be settled. */
async function settleEach(
  requests: readonly string[],
  deps: SettleDeps,
  ctx: Context,
): Promise<void> {
  for (const id of requests) {
    if (ctx.signal.aborted) return
    try {
      await settleRequest(id, deps, ctx)
    } catch (error) {
      ctx.log.error({ err: error, request: id }, 'A request could not be settled to free memory.')
    }
  }
}
