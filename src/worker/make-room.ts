import { lateTrouble } from '../shared/redis.ts'
import type { Context } from './context.ts'
import { type SettleDeps, settleRequest } from './settle.ts'

/**
 * Where Redis is full, BullMQ can neither hand out an order nor take one, and the sweep cannot get
 * its turn; but only requests that are settled make room. So each worker then settles, without any
 * order, what can be settled. That needs no room, and may be done by several at once.
 */

const LOOK_MS = 1000

export interface RoomMaker {
  stop(): void
  /** Resolves once a settlement under way has ended. */
  readonly ended: Promise<void>
}

export function startRoomMaker(deps: SettleDeps, ctx: Context): RoomMaker {
  const stopping = new AbortController()
  const own = { ...ctx, signal: AbortSignal.any([ctx.signal, stopping.signal]) }
  const loop = async () => {
    while (!own.signal.aborted) {
      if (lateTrouble(deps.store.redis) === 'REDIS_FULL') await makeRoom(deps, own)
      await ctx.clock.sleep(LOOK_MS, own.signal).catch(() => {})
    }
  }
  return { stop: () => stopping.abort(), ended: loop() }
}

async function makeRoom(deps: SettleDeps, ctx: Context): Promise<void> {
  for (const id of await deps.store.ledger.liveIds()) {
    if (ctx.signal.aborted) return
    try {
      await settleRequest(id, deps, ctx)
    } catch (error) {
      ctx.log.error({ err: error, request: id }, 'A request could not be settled to make room.')
    }
  }
}
