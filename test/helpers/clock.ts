import { type Clock, systemClock } from '../../src/shared/base/clock.ts'

/** No sleep takes longer in the test's time; each gets its turn all the same. */
const LONGEST_MS = 10

export interface LeapingClock extends Clock {
  /** It is so much later at once, for everybody. */
  leap(ms: number): void
}

/**
 * Nobody waits long, and time passes all the same: a sleep of an hour takes 10 ms, and then it is an
 * hour later for everybody. It follows that time runs ahead while anything sleeps, as a worker's
 * sweep does: hours in a second, if nothing is to be waited for.
 */
export function leapingClock(): LeapingClock {
  let ahead = 0
  const now = () => systemClock.now() + Math.ceil(ahead)
  return {
    now,
    sleep: async (ms, signal) => {
      const end = now() + ms
      await systemClock.sleep(Math.min(ms, LONGEST_MS), signal)
      ahead += Math.max(0, end - now())
    },
    leap: (ms) => {
      ahead += ms
    },
  }
}

/** One such clock for a whole file. */
export const hurried: Clock = leapingClock()

/** A clock that stands still until it is told to go on. */
export interface ManualClock extends Clock {
  /** It is so much later: whoever has slept so long wakes. */
  advance(ms: number): void
  /** How many sleep now. */
  readonly asleep: number
}

export function manualClock(start = 1_795_000_000_000): ManualClock {
  let now = start
  const sleepers = new Set<() => void>()
  return {
    get asleep() {
      return sleepers.size
    },
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const end = now + ms
        const settle = () => {
          if (!signal?.aborted && now < end) return
          sleepers.delete(settle)
          signal?.removeEventListener('abort', settle)
          if (signal?.aborted) reject(signal.reason)
          else resolve()
        }
        sleepers.add(settle)
        signal?.addEventListener('abort', settle)
        settle()
      }),
    advance: (ms) => {
      now += ms
      for (const settle of [...sleepers]) settle()
    },
  }
}
