import { ExpungeError, WrongLedgerOrOrgError } from '../base/errors.ts'
import { visible } from '../base/visible.ts'

/**
 * What a failed call means to its caller.
 *
 * - `org-fault`: login refused, outage, quota, network, maintenance. Never caused by the request:
 *   wait and resume.
 * - `not-found`: Salesforce has no such job (any more), or not for this user.
 * - `job-state`: the job is past, or not yet in, the state that the call needs. GET shows its
 *   state.
 * - `already-uploaded`: the job has its one upload.
 * - `refused`: this object or operation cannot be deleted here, or this query cannot be run; only
 *   from create and queryCreate.
 * - `too-large`: the upload exceeds Salesforce's limit.
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
  /** Null if no answer came. */
  readonly httpStatus: number | null
  /** A retry within seconds may succeed. */
  readonly transient: boolean
  /**
   * The body is an HTML page, whatever the status: a front end, a proxy or a maintenance screen
   * answered instead of the API. It may also mean that the host is no longer the org's.
   */
  readonly interposed?: boolean
  /** The server's Retry-After. */
  readonly retryAfterMs: number | null
}

/**
 * A failed call to Salesforce. It contains no request, header or cause, because those contain the
 * token.
 */
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
    // Keeps a Salesforce message on one line: a line feed in it would forge another log line.
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
 * True if the status says success but the content is not from the API: a page of a proxy or a
 * maintenance screen. It counts as an outage, although it may affect one job only.
 */
export function isForeignAnswer({ kind, httpStatus, operation }: SalesforceError): boolean {
  return kind === 'org-fault' && operation !== 'token' && httpStatus !== null && httpStatus < 300
}

/** The login led to another org than configured: nothing may be sent to it. */
export class WrongOrgError extends WrongLedgerOrOrgError {
  readonly code = 'WRONG_ORG'
  readonly expectedOrgId: string
  readonly actualOrgId: string

  /** @param facts which part of the answers named which org */
  constructor(expectedOrgId: string, actualOrgId: string, facts = '') {
    const told = facts && ` (${facts})`
    super(
      `Expected to log in to org ${expectedOrgId}, got org ${actualOrgId}${told}. Nothing was sent. ` +
        'Correct the credentials or SALESFORCE_ORG_ID.',
    )
    this.expectedOrgId = expectedOrgId
    this.actualOrgId = actualOrgId
  }
}

/** The calls whose path names a job, so that a 404 is about that job. */
export const JOB_OPERATIONS = [
  'upload',
  'close',
  'abort',
  'get',
  'remove',
  'failedResults',
  'successfulResults',
  'unprocessedRecords',
  'queryGet',
  'queryAbort',
  'queryRemove',
  'queryResults',
] as const

/**
 * The client's calls, one name per endpoint: the closed set of values for the metrics' label, also
 * used in every error message.
 */
export const OPERATIONS = [
  'token',
  'userinfo',
  'organization',
  'limits',
  'recordCount',
  'recordFields',
  'describe',
  'versions',
  'create',
  'queryCreate',
  ...JOB_OPERATIONS,
] as const
/** Calls of `doctor` alone, which no metric counts: no worker makes them. */
type Look = 'permissions' | 'list'
export type ApiOperation = (typeof OPERATIONS)[number] | Look

export function isCounted(operation: ApiOperation): operation is Exclude<ApiOperation, Look> {
  return OPERATIONS.some((one) => one === operation)
}
