import { setTimeout as delay } from 'node:timers/promises'

/** Time, handed in rather than taken, so that tests wait for nothing. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Resolves after `ms`; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal ? { signal } : undefined)
    } catch (error) {
      // node:timers wraps the reason in an AbortError; callers compare the reason itself.
      throw signal?.aborted ? signal.reason : error
    }
  },
}
