import { type Clock, systemClock } from '../../base/clock.ts'
import type { RedisClient } from './redis.ts'

/**
 * Redis's time, the one that all processes share. A time that one process writes and another compares
 * (a deadline, the end of a pause, the age of a job, a signature) must come from one clock: with their
 * own, a machine whose clock is 15 minutes wrong would cut off uploads and end pauses early.
 */

/** Clocks of machines drift by milliseconds in a minute; a step of one is noticed as soon. */
const MEASURE_EVERY_MS = 60_000

/** A measurement is wrong by half of its round trip at most; a slow one is no improvement. */
const SLOW_MS = 1000

type ServerClock = Clock & {
  /** How far the machine's clock is ahead of Redis's, in milliseconds; negative where behind. */
  readonly aheadMs: number
  /** No more measuring. */
  close(): void
}

/** The server's clock now, in milliseconds since the epoch. */
export async function redisNow(redis: RedisClient): Promise<number> {
  const [seconds, micros] = await redis.time()
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
}

/**
 * The machine's clock, corrected by what it differs from Redis's. Asking costs nothing: the difference
 * is measured now and then, and while Redis is away the last one holds.
 */
export async function openServerClock(
  redis: RedisClient,
  machine: Clock = systemClock,
): Promise<ServerClock> {
  let aheadMs = 0
  let isMeasuring = false
  const measure = async (isFirst: boolean) => {
    const asked = machine.now()
    const server = await redisNow(redis)
    const answered = machine.now()
    if (!isFirst && answered - asked > SLOW_MS) return
    aheadMs = Math.round((asked + answered) / 2 - server)
  }
  const again = async () => {
    // On a connection that waits, one question may be under way for as long as an outage lasts.
    if (isMeasuring) return
    isMeasuring = true
    await measure(false).catch(() => {})
    isMeasuring = false
  }
  await measure(true)
  const timer = setInterval(again, MEASURE_EVERY_MS).unref()
  return {
    get aheadMs() {
      return aheadMs
    },
    now: () => machine.now() - aheadMs,
    sleep: machine.sleep,
    close: () => clearInterval(timer),
  }
}
