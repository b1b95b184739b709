import type { Context } from '../../shared/base/context.ts'
import { ExpungeError, RefusedError } from '../../shared/base/errors.ts'
import {
  isFuller,
  type Memory,
  PLANNING_SHARE,
  showMemory,
} from '../../shared/store/redis/memory.ts'
import { inspectRedis, type RedisClient } from '../../shared/store/redis/redis.ts'

const CHECK_AGAIN_MS = 1000
/**
 * Checks that a plan with staged ids waits, up to twice as many at random: not all give way at
 * once.
 */
const MOST_CHECKS = 60

/** The plan gives way to others: its staged ids are dropped, and it starts again later. */
export class NoMemoryError extends ExpungeError {
  readonly code = 'NO_ROOM'
  override readonly retryable = true
}

/**
 * Keeps plans from filling Redis. A plan that has staged nothing waits for memory without a limit.
 * A plan that has staged ids waits only for a while, because two plans that each hold half of the
 * memory would otherwise deadlock. A plan that cannot fit even alone is refused.
 *
 * @returns a function to await before staging more; its argument is the bytes of ids staged so far
 * @throws RefusedError STAGING_TOO_LARGE
 * @throws NoMemoryError
 */
export function waitsForMemory(
  redis: RedisClient,
  ctx: Context,
): (stagedBytes: number) => Promise<void> {
  const most = MOST_CHECKS * (1 + Math.random())
  let waiting = false
  return async (stagedBytes) => {
    for (let checks = 1; ; checks++) {
      const { maxMemory, usedMemory } = await inspectRedis(redis)
      const memory = { maxMemory, usedMemory }
      if (!isFuller(memory, PLANNING_SHARE)) return
      // Ids compress at least threefold, so a plan this large would fill the memory by itself.
      if (stagedBytes / 3 > maxMemory * PLANNING_SHARE) throw tooLarge(stagedBytes, maxMemory)
      if (stagedBytes > 0 && checks > most) throw noMemory(memory)
      if (!waiting) ctx.log.warn(memory, 'Redis is nearly full. Planning waits.')
      waiting = true
      await ctx.clock.sleep(CHECK_AGAIN_MS, ctx.signal)
    }
  }
}

function noMemory(memory: Memory): NoMemoryError {
  return new NoMemoryError(
    `Redis has no room for the plan: ${showMemory(memory)}. It will be started again later. ` +
      'Raise maxmemory if this continues.',
  )
}

function tooLarge(stagedBytes: number, maxMemory: number): RefusedError {
  return new RefusedError(
    'STAGING_TOO_LARGE',
    `The plan has ${Math.round(stagedBytes / 15)} ids so far, more than Redis can stage with maxmemory ` +
      `${Math.round(maxMemory / 2 ** 20)} MiB. Raise maxmemory or split the source.`,
  )
}
