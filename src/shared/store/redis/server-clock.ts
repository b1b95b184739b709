import { type Clock, systemClock } from '../../base/clock.ts'
import type { RedisClient } from './redis.ts'

/**
 * Redis's time, which all processes share. A time that one process writes and another compares (a
 * deadline, the end of a pause, the age of a job, a signature) must come from one clock. With local
 * clocks, a machine that is 15 minutes off would reject uploads and end pauses early.
 */

/** Clocks drift by milliseconds a minute; a clock step is also noticed within this time. */
const MEASURE_EVERY_MS = 60_000

/** A measurement is off by at most half its round trip; a slower one is no improvement. */
const SLOW_MS = 1000

type ServerClock = Clock & {
  /** How far the machine's clock is ahead of Redis's, in milliseconds; negative if behind. */
  readonly aheadMs: number
  /** Stops measuring. */
  close(): void
}

/** The server's clock now, in milliseconds since the epoch. */
export async function redisNow(redis: RedisClient): Promise<number> {
  const [seconds, micros] = await redis.time()
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
}

/**
 * The machine's clock, corrected by its difference from Redis's. Reading it makes no call: the
 * difference is measured regularly, and during an outage the last one is used.
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
    // On a connection that waits, one measurement may be pending for a whole outage.
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
