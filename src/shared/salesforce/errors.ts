import { ExpungeError, WrongLedgerOrOrgError } from '../base/errors.ts'
import { visible } from '../base/visible.ts'

/**
 * What a failed call means to whoever made it.
 *
 * - `org-fault`: login refused, outage, quota, network, maintenance. Never the request's fault:
 *   wait and go on where you were.
 * - `not-found`: Salesforce has no such job (any more), or not for this user.
 * - `job-state`: the job is past, or not yet in, the state that the call needs. GET tells which.
 * - `already-uploaded`: the job has its one upload.
 * - `refused`: this object or operation cannot be deleted here; of a create alone.
 * - `too-large`: the upload is over Salesforce's limit.
 * - `unexpected`: an answer that the API's description does not allow for.
 */
export type FaultKind =
  | 'org-fault'
  | 'not-found'
  | 'job-state'
  | 'already-uploaded'
  | 'refused'
  | 'too-large'
  | 'unexpected'

interface Fault {
  readonly kind: FaultKind
  /** Salesforce's errorCode, OAuth's error, Node's network code, or `HTTP_<status>`. */
  readonly code: string
  readonly operation: ApiOperation
  /** Null where no answer came. */
  readonly httpStatus: number | null
  /** Another try within seconds may well succeed. */
  readonly transient: boolean
  /**
   * The body is a page of HTML, whatever the status: a front end, a proxy or a maintenance screen
   * answered in place of the API. It may also mean that the host is not the org's any more.
   */
  readonly interposed?: boolean
  /** What the server asked for in Retry-After. */
  readonly retryAfterMs: number | null
}

/** A call to Salesforce that failed. It holds no request, header or cause: they hold the token. */
export class SalesforceError extends ExpungeError implements Fault {
  readonly kind: FaultKind
  readonly code: string
  readonly operation: ApiOperation
  readonly httpStatus: number | null
  readonly transient: boolean
  readonly interposed: boolean
  readonly retryAfterMs: number | null
  /** True for every org fault. */
  override readonly retryable: boolean

  constructor(fault: Fault, message: string) {
    // A message from Salesforce is one line here: a line feed in it would forge another.
    super(visible(message))
    this.kind = fault.kind
    this.code = fault.code
    this.operation = fault.operation
    this.httpStatus = fault.httpStatus
    this.transient = fault.transient
    this.interposed = fault.interposed ?? false
    this.retryAfterMs = fault.retryAfterMs
    this.retryable = fault.kind === 'org-fault'
  }
}

/**
 * True where a call succeeded by its status, and what came is none of the API's answers: a page of a
 * proxy or a maintenance screen. It counts as an outage, and yet may meet one job alone.
 */
export function isForeignAnswer({ kind, httpStatus, operation }: SalesforceError): boolean {
  return kind === 'org-fault' && operation !== 'token' && httpStatus !== null && httpStatus < 300
}

/** The login led to an org other than the one configured: nothing may be sent to it. */
export class WrongOrgError extends WrongLedgerOrOrgError {
  readonly code = 'WRONG_ORG'
  readonly expectedOrgId: string
  readonly actualOrgId: string

  constructor(expectedOrgId: string, actualOrgId: string) {
    super(
      `Expected to log in to org ${expectedOrgId}, got org ${actualOrgId}. Nothing was sent. ` +
        'Correct the credentials or SALESFORCE_ORG_ID.',
    )
    this.expectedOrgId = expectedOrgId
    this.actualOrgId = actualOrgId
  }
}

/** The calls whose path names a job, so that 404 speaks of that job. */
export const JOB_OPERATIONS = [
  'upload',
  'close',
  'abort',
  'get',
  'remove',
  'failedResults',
  'successfulResults',
  'unprocessedRecords',
] as const

/**
 * The calls that the client makes, one name for each endpoint: the closed set behind the metrics'
 * label and the word that every error message uses.
 */
export const OPERATIONS = [
  'token',
  'userinfo',
  'organization',
  'limits',
  'versions',
  'create',
  ...JOB_OPERATIONS,
] as const
export type ApiOperation = (typeof OPERATIONS)[number]
