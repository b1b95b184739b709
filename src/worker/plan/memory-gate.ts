import { RefusedError } from '../../shared/errors.ts'
import { inspectRedis, type RedisClient } from '../../shared/redis.ts'
import type { Context } from '../context.ts'

/** Above this share of `maxmemory` planning waits: the rest is for the work that frees memory. */
const HIGHEST_SHARE = 0.7
const LOOK_AGAIN_MS = 1000

/**
 * Keeps plans from filling Redis. A plan waits while others take up the room; one that could not
 * fit even alone is refused.
 *
 * @returns what to await before more is staged, told how many bytes of ids the plan holds so far
 */
export function memoryGate(
  redis: RedisClient,
  ctx: Context,
): (stagedBytes: number) => Promise<void> {
  let waiting = false
  return async (stagedBytes) => {
    for (;;) {
      const { maxMemory, usedMemory } = await inspectRedis(redis)
      const room = maxMemory * HIGHEST_SHARE
      if (maxMemory === 0 || usedMemory <= room) return
      // Ids compress at least threefold: a plan this large would fill the room by itself.
      if (stagedBytes / 3 > room) throw tooLarge(stagedBytes, maxMemory)
      if (!waiting) ctx.log.warn({ usedMemory, maxMemory }, 'Redis is nearly full; planning waits.')
      waiting = true
      await ctx.clock.sleep(LOOK_AGAIN_MS, ctx.signal)
    }
  }
}

function tooLarge(stagedBytes: number, maxMemory: number): RefusedError {
  return new RefusedError(
    'STAGING_TOO_LARGE',
    `The plan holds ${Math.round(stagedBytes / 15)} ids so far, more than Redis can stage with maxmemory ` +
      `${Math.round(maxMemory / 2 ** 20)} MiB. Nothing was deleted. Raise maxmemory or split the source.`,
  )
}
