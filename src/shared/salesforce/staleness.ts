import { isForeignAnswer, SalesforceError } from './errors.ts'

/**
 * What a failed call says about the access it was made with.
 *
 * - `refused`: the token is no longer accepted.
 * - `doubtful`: what answered, or did not, may no longer be the org's host. A passing trouble looks
 *   the same, so a single one proves nothing.
 */
export type Staleness = 'refused' | 'doubtful'

/** Refusals that a new token would meet again. */
const NOT_THE_TOKEN = [
  'Connected app is not attached to Agent',
  'not valid for use with the REST API',
]

/** Gone, or no route to the org: what a host answers that an org has left; 420 is Salesforce Edge's. */
const MOVED_STATUSES: ReadonlySet<number> = new Set([404, 406, 410, 420])

/** Null where the answer came from the API, or says nothing of host and token. */
export function stalenessOf(error: unknown): Staleness | null {
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
