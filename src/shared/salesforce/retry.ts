import { backoff } from '../base/backoff.ts'
import type { Clock } from '../base/clock.ts'
import { isForeignAnswer, SalesforceError } from './errors.ts'

/**
 * The retry policy of a call to Salesforce, as `http.ts` keeps it:
 *
 * - GET, DELETE and logins are tried up to four times where the failure is transient. Any other call
 *   may have taken effect before its answer was lost, and is tried once.
 * - A refused token is renewed, once in a call. So is the access to a host that the org may have left.
 * - What outlasts that is the caller's to wait out, by `outageDelay` or at the gate of the org.
 *
 * Here and not in got: got retries no streams, and its waits know no injected clock.
 */

const MOST_TRIES = 4
const callDelay = backoff({ first: 500, factor: 2, jitter: [0.5, 1] })
/**
 * A server that asks for more is not waited for within a call, which knows nothing of a cancelled
 * request: its caller waits, and hears of that.
 */
const LONGEST_WAIT_IN_CALL_MS = 2000

/**
 * How long a caller waits before it tries again what failed for all tries of its calls. It grows as
 * slow as the org's own probes: a fault that meets one job alone must not use up the org's calls.
 */
export const outageDelay = backoff({
  ...{ first: 500, factor: 2, cap: 5 * 60_000 },
  jitter: [0.9, 1.1],
})

/** How long to wait before try `tries` + 1, or undefined where another try is pointless or too late. */
export function retryDelay(
  { transient, retryAfterMs }: SalesforceError,
  tries: number,
  random?: number,
): number | undefined {
  if (!transient || tries >= MOST_TRIES) return undefined
  if (retryAfterMs === null) return callDelay(tries, random)
  return retryAfterMs <= LONGEST_WAIT_IN_CALL_MS ? retryAfterMs : undefined
}

/**
 * Runs a call that is safe to repeat.
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

/** Refusals that a new token would meet again. */
const NOT_THE_TOKEN = [
  'Connected app is not attached to Agent',
  'not valid for use with the REST API',
]

/** Gone, or no route to the org: what a host answers that an org has left; 420 is Salesforce Edge's. */
const MOVED_STATUSES: ReadonlySet<number> = new Set([404, 406, 410, 420])

/**
 * What a failed call says about the access it was made with; null where the answer came from the
 * API, or says nothing of host and token.
 *
 * - `refused`: the token is no longer accepted.
 * - `doubtful`: what answered, or did not, may no longer be the org's host. A passing trouble looks
 *   the same, so a single one proves nothing.
 */
export function stalenessOf(error: unknown): 'refused' | 'doubtful' | null {
  if (!(error instanceof SalesforceError)) return null
  if (isRefused(error)) return 'refused'
  return isDoubtful(error) ? 'doubtful' : null
}

function isRefused({ code, httpStatus, message }: SalesforceError): boolean {
  const isSession = code.toUpperCase().replaceAll('_', '') === 'INVALIDSESSIONID'
  // The userinfo endpoint says it with 403.
  const refused = isSession || httpStatus === 401 || message.includes('Bad_OAuth_Token')
  return refused && !NOT_THE_TOKEN.some((text) => message.includes(text))
}

function isDoubtful(error: SalesforceError): boolean {
  const { kind, code, httpStatus, operation } = error
  // That a job is not found is the API's own answer; that there is no API is not.
  if (kind !== 'org-fault' || operation === 'token') return false
  if (code === 'UNSUPPORTED_API_VERSION') return false
  // No connection, no such name, a certificate of another name; a page of whoever is there now.
  if (httpStatus === null || error.interposed) return true
  const isRedirect = httpStatus >= 300 && httpStatus < 400
  return isRedirect || MOVED_STATUSES.has(httpStatus) || isForeignAnswer(error)
}
