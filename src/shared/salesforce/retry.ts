import type { Clock } from '../base/clock.ts'
import { SalesforceError } from './errors.ts'

/** Tries of one call, the first included. What outlasts them is the caller's to wait out. */
const MAX_TRIES = 4
const FIRST_DELAY_MS = 500
/**
 * A server that asks for more is not waited for within a call, which knows nothing of a cancelled
 * request: its caller waits, and hears of that.
 */
const LONGEST_WAIT_IN_CALL_MS = 2000

/**
 * How long to wait before try `tries` + 1, or undefined where another try is pointless or too late.
 * Doubles from half a second, the half of it at random so that many callers don't return at once.
 */
export function retryDelay(
  error: SalesforceError,
  tries: number,
  random: () => number = Math.random,
): number | undefined {
  if (!error.transient || tries >= MAX_TRIES) return undefined
  if (error.retryAfterMs !== null) {
    return error.retryAfterMs <= LONGEST_WAIT_IN_CALL_MS ? error.retryAfterMs : undefined
  }
  return FIRST_DELAY_MS * 2 ** (tries - 1) * (0.5 + random() / 2)
}

/**
 * Runs a call that is safe to repeat. Here and not in got: got retries no streams, and its waits
 * know no injected clock.
 *
 * @param isFinal true of a failure that has been retried already
 */
export async function retrying<T>(
  clock: Clock,
  signal: AbortSignal | undefined,
  call: () => Promise<T>,
  isFinal: (error: unknown) => boolean = () => false,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof SalesforceError) || isFinal(error)) throw error
      const delay = retryDelay(error, tries)
      if (delay === undefined) throw error
      await clock.sleep(delay, signal)
    }
  }
}
