import { setTimeout as delay } from 'node:timers/promises'

/** The time, injected so that tests do not have to wait. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Resolves after `ms`; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The longest delay of a Node timer, 2^31 − 1 ms. A longer one fires after 1 ms. */
const LONGEST_TIMER_MS = 2_147_483_647

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    if (Number.isNaN(ms)) throw new RangeError('Expected milliseconds to sleep, got NaN.')
    try {
      for (let rest = ms; ; rest -= LONGEST_TIMER_MS) {
        await delay(Math.min(rest, LONGEST_TIMER_MS), undefined, signal ? { signal } : undefined)
        if (rest <= LONGEST_TIMER_MS) return
      }
    } catch (error) {
      // node:timers wraps the reason in an AbortError; callers compare the reason itself.
      throw signal?.aborted ? signal.reason : error
    }
  },
}
