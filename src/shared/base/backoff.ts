/** How long to wait: before another try, and as long as a server asks. */

interface BackoffTerms {
  /** Milliseconds after the first failure. */
  readonly first: number
  /** How many times as long after each further failure; where absent, longer by `first`. */
  readonly factor?: number
  /** The longest wait, before its jitter. */
  readonly cap?: number
  readonly jitter?: Jitter
}

/** The range of a random factor on each wait, so that many who wait do not come back at once. */
type Jitter = readonly [from: number, to: number]

/**
 * The wait before another try, in milliseconds: exponential, or linear without a factor.
 *
 * @returns a function of the failures in a row, 1 or more, and of a number from 0 to 1 at random
 */
export function backoff({
  first,
  factor,
  cap = Number.POSITIVE_INFINITY,
  jitter = [1, 1],
}: BackoffTerms): (failures: number, random?: number) => number {
  // The limit keeps no wait at all, 0 ms, what it is after any number of failures.
  const growth = (failures: number) =>
    factor === undefined ? failures : Math.min(factor ** (failures - 1), Number.MAX_VALUE)
  return (failures, random = Math.random()) =>
    jittered(Math.min(cap, first * growth(failures)), jitter, random)
}

/** @param random from 0 to 1 */
export function jittered(ms: number, [from, to]: Jitter, random: number): number {
  return ms * (from + (to - from) * random)
}

/**
 * The longest wait that a server may ask for with `Retry-After`, whether Salesforce, a token
 * endpoint, a proxy in front of them or a receiver of callbacks.
 */
export const LONGEST_SERVER_WAIT_MS = 3600_000

/** `Sun, 06 Nov 1994 08:49:37 GMT`. `Date.parse` alone takes `-5` and `3.5` for dates, too. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d/
const SECONDS = /^\d+(?:\.\d+)?$/

/**
 * `Retry-After` (RFC 9110, section 10.2.3) in milliseconds, at most an hour; null where it is absent
 * or neither seconds nor an HTTP date.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | null {
  const text = header?.trim() ?? ''
  const asked = SECONDS.test(text)
    ? Number(text) * 1000
    : HTTP_DATE.test(text)
      ? Date.parse(text) - now
      : Number.NaN
  return Number.isNaN(asked) ? null : Math.min(Math.max(0, asked), LONGEST_SERVER_WAIT_MS)
}
