/**
 * Waits that a server names. Salesforce, a token endpoint, a proxy in front of them and a receiver
 * of callbacks may all send `Retry-After`; none of them may stop the work for longer than this.
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
