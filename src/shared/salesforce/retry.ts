import { backoff } from '../base/backoff.ts'
import type { Clock } from '../base/clock.ts'
import { isForeignAnswer, SalesforceError } from './errors.ts'

/**
 * The retry policy of a call to Salesforce, as implemented in `http.ts`:
 *
 * - GET, DELETE and logins are tried up to four times if the failure is transient. Any other call
 *   may have taken effect before its answer was lost, and is tried once.
 * - A refused token is renewed once per call. So is the access to a host that the org may have
 *   left.
 * - Longer failures are for the caller to wait out, by `outageDelay` or at the gate of the org.
 *
 * Implemented here because got does not retry streams, and its waits ignore the injected clock.
 */

const MOST_TRIES = 4
const callDelay = backoff({ first: 500, factor: 2, jitter: [0.5, 1] })
/**
 * A longer Retry-After is not waited for within a call, which does not notice a cancelled request.
 * The caller waits instead.
 */
const LONGEST_WAIT_IN_CALL_MS = 2000

/**
 * Delay of a caller before it retries after all tries of its calls failed. It grows as slowly as
 * the org's own probes: a fault that affects one job alone must not use up the org's calls.
 */
export const outageDelay = backoff({
  ...{ first: 500, factor: 2, cap: 5 * 60_000 },
  jitter: [0.9, 1.1],
})

/** The delay before try `tries` + 1; undefined if another try is pointless or too late. */
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
 * @param isFinal true for a failure that was already retried
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

/** Refusals that a new token would meet as well. */
const NOT_THE_TOKEN = [
  'Connected app is not attached to Agent',
  'not valid for use with the REST API',
]

/**
 * Gone, or no route to the org: answers of a host that an org has left; 420 is Salesforce Edge's.
 */
const MOVED_STATUSES: ReadonlySet<number> = new Set([404, 406, 410, 420])

/**
 * What a failed call says about its access; null if the answer came from the API, or says nothing
 * about host and token.
 *
 * - `refused`: the token is no longer accepted.
 * - `doubtful`: the host may no longer be the org's. A transient problem looks the same, so a
 *   single one proves nothing.
 */
export function stalenessOf(error: unknown): 'refused' | 'doubtful' | null {
  if (!(error instanceof SalesforceError)) return null
  if (isRefused(error)) return 'refused'
  return isDoubtful(error) ? 'doubtful' : null
}

function isRefused({ code, httpStatus, message }: SalesforceError): boolean {
  const isSession = code.toUpperCase().replaceAll('_', '') === 'INVALIDSESSIONID'
  // The userinfo endpoint reports it with 403.
  const refused = isSession || httpStatus === 401 || message.includes('Bad_OAuth_Token')
  return refused && !NOT_THE_TOKEN.some((text) => message.includes(text))
}

function isDoubtful(error: SalesforceError): boolean {
  const { kind, code, httpStatus, operation } = error
  // "Job not found" is the API's own answer; a missing API is not.
  if (kind !== 'org-fault' || operation === 'token') return false
  if (code === 'UNSUPPORTED_API_VERSION') return false
  // No connection, an unknown name, a certificate for another name, or another server's page.
  if (httpStatus === null || error.interposed) return true
  const isRedirect = httpStatus >= 300 && httpStatus < 400
  return isRedirect || MOVED_STATUSES.has(httpStatus) || isForeignAnswer(error)
}
