import { type Clock, systemClock } from '../../src/shared/base/clock.ts'

/**
 * A sleep of a minute takes no longer in the test's time; each gets its turn all the same. At 25 ms the
 * loops of the workers took a tenth more processor time than at 60 ms.
 */
const LONGEST_MS = 50
const MINUTE = 60_000

export interface LeapingClock extends Clock {
  /** It is so much later at once, for everybody. */
  leap(ms: number): void
}

/**
 * Nobody waits long, and time passes all the same: a sleep of a minute takes 50 ms, and then it is a
 * minute later for everybody; one of an hour takes 3 s. Time runs ahead while anything sleeps, as a
 * worker's sweep does, by at most 20 minutes a second: a plan that awaits its approval for 72 hours
 * is still there after 200 s, however busy the machine is. So each world has one of its own: of one for
 * a whole process, the tests that come late would be days ahead of the producers.
 */
export function leapingClock(): LeapingClock {
  let ahead = 0
  const now = () => systemClock.now() + Math.ceil(ahead)
  return {
    now,
    sleep: async (ms, signal) => {
      const end = now() + ms
      let left = ms
      do {
        const next = now() + Math.min(left, MINUTE)
        await systemClock.sleep(Math.min(left, LONGEST_MS), signal)
        ahead += Math.max(0, next - now())
        left = end - now()
      } while (left > 0)
    },
    leap: (ms) => {
      ahead += ms
    },
  }
}

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
