/** How long to wait before a retry: by exponential backoff, or as long as a server asks. */

interface BackoffTerms {
  /** Milliseconds after the first failure. */
  readonly first: number
  /** Multiplier for each further failure. Without one the wait grows linearly, by `first`. */
  readonly factor?: number
  /** The longest wait, before jitter. */
  readonly cap?: number
  readonly jitter?: Jitter
}

/** Range of a random factor on each wait, so that many clients do not retry at the same moment. */
type Jitter = readonly [from: number, to: number]

/**
 * The wait before a retry, in milliseconds: exponential, or linear without a factor.
 *
 * @returns a function of the number of consecutive failures (1 or more) and a random number from 0 to 1
 */
export function backoff({
  first,
  factor,
  cap = Number.POSITIVE_INFINITY,
  jitter = [1, 1],
}: BackoffTerms): (failures: number, random?: number) => number {
  // Without the limit, 0 ms × Infinity would be NaN after many failures.
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
 * The longest wait that a server may ask for with `Retry-After`: Salesforce, a token endpoint, a
 * proxy in front of them, or a receiver of callbacks.
 */
export const LONGEST_SERVER_WAIT_MS = 3600_000

/** `Sun, 06 Nov 1994 08:49:37 GMT`. `Date.parse` alone also accepts `-5` and `3.5`. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d/
const SECONDS = /^\d+(?:\.\d+)?$/

/**
 * `Retry-After` (RFC 9110, section 10.2.3) in milliseconds, at most an hour; null if it is absent or
 * neither seconds nor an HTTP date.
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
