import { plainCause } from '../base/plain-cause.ts'
import { redact } from '../base/secret-masking.ts'
import { adviceOnAnswer, adviceOnKind, adviceOnNetwork, loginRefusal } from './advice.ts'
import { codeSet } from './code-table.ts'
import { inWords, isAboutObject, isAboutQuery, isPassing, parseErrorBody } from './error-body.ts'
import { type ApiOperation, type FaultKind, JOB_OPERATIONS, SalesforceError } from './errors.ts'
import { proxyRefusal } from './proxy-refusal.ts'

type ErrorBody = ReturnType<typeof parseErrorBody>

/** Transient statuses, as other clients of this API retry them; 420 is Salesforce Edge's. */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 420, 429, 500, 502, 503, 504])

/** Codes that concern the org or the service, whatever their status. */
const ORG_CODES = codeSet(
  'API_CURRENTLY_DISABLED',
  'API_DISABLED_FOR_ORG',
  'CLIENT_NOT_ACCESSIBLE_FOR_USER',
  'EXCEEDEDQUOTA',
  'INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE',
  'INVALID_OPERATION_WITH_EXPIRED_PASSWORD',
  'INVALID_SESSION_ID',
  'LIMIT_EXCEEDED',
  'ORG_IN_MAINTENANCE',
  'ORG_LOCKED',
  'PASSWORD_LOCKOUT',
  'REQUEST_LIMIT_EXCEEDED',
  'REQUEST_RUNNING_TOO_LONG',
  'SERVER_UNAVAILABLE',
  'TRIAL_EXPIRED',
  'TXN_SECURITY_METERING_ERROR',
  'UNKNOWN_EXCEPTION',
  'UNSUPPORTED_API_VERSION',
)

const TOO_LARGE = codeSet('EXCEEDED_MAX_SIZE_REQUEST')
const JOB_STATE = codeSet('INVALIDJOBSTATE', 'INVALIDJOB')
/** The job belongs to another user, for example after the app's run-as user changed. */
const JOB_OWNER = codeSet('INVALIDUSER')

/** Delay before another login if each one prolongs the lockout; Salesforce counts them per hour. */
const LATER_MS = 5 * 60_000

/** Permanent refusals by a front end or a proxy. */
const FORBIDDING: ReadonlySet<number> = new Set([401, 403, 407])

const ON_A_JOB: ReadonlySet<ApiOperation> = new Set(JOB_OPERATIONS)

/** A parsed answer that is not a success. */
interface ErrorAnswer {
  readonly operation: ApiOperation
  readonly status: number
  readonly text: string
  readonly retryAfterMs: number | null
  /** Target of a redirect. */
  readonly redirectHost: string | null
  /** Removed from the message if the answer quotes them. */
  readonly secrets: readonly string[]
  /** For a login: how to provide a new secret. */
  readonly renewal?: string | undefined
}

/** The typed error for an answer that is not a success. */
export function errorFromAnswer(answer: ErrorAnswer): SalesforceError {
  const { operation, status, redirectHost, secrets } = answer
  const body = parseErrorBody(answer.text)
  const kind = kindOf(operation, status, body)
  const code = redact(body.code ?? `HTTP_${status}`, secrets)
  const isRefusal = operation === 'token' && status < 500 && !TRANSIENT_STATUSES.has(status)
  const refusal = isRefusal ? loginRefusal(code, body.message) : null
  const transient =
    kind === 'org-fault' && (refusal ? refusal.passes !== null : isTransient(status, body))
  const said =
    redirectHost === null ? inWords(redact(body.message, secrets)) : `a redirect to ${redirectHost}`
  const advice = adviceOnAnswer({
    kind,
    code,
    forbidden: status === 403 && !transient,
    redirected: isRedirect(status),
    refusal,
    renewal: answer.renewal,
  })
  const answered = body.code === null ? status : `${status} ${code}`
  return new SalesforceError(
    {
      kind,
      code,
      operation,
      httpStatus: status,
      transient,
      interposed: body.html,
      retryAfterMs: answer.retryAfterMs ?? (refusal?.passes === 'later' ? LATER_MS : null),
    },
    `Salesforce answered ${operation} with ${answered}: ${asSentence(said || 'no text')} ` +
      `${askedWait(answer.retryAfterMs)}${advice}`,
  )
}

function askedWait(retryAfterMs: number | null): string {
  if (retryAfterMs === null || retryAfterMs === 0) return ''
  return `Retry-After holds calls back for ${Math.ceil(retryAfterMs / 1000)} s. `
}

function kindOf(operation: ApiOperation, status: number, body: ErrorBody): FaultKind {
  const onJob = ON_A_JOB.has(operation)
  if (onJob && JOB_OWNER.has(body.code)) return 'not-found'
  if (isOrgs(operation, status, body)) return 'org-fault'
  if (status === 404) return onJob ? 'not-found' : 'org-fault'
  if (onJob && JOB_STATE.has(body.code)) return 'job-state'
  switch (operation) {
    case 'create':
      return isAboutObject(body) ? 'refused' : 'org-fault'
    case 'queryCreate':
      // Whatever the API says about a query concerns this query: it must not hold back other work.
      return body.code === null ? 'org-fault' : 'refused'
    case 'upload':
      if (status === 413 || TOO_LARGE.has(body.code)) return 'too-large'
      return /found multiple contents/i.test(body.message) ? 'already-uploaded' : 'org-fault'
    case 'close':
      return 'org-fault'
    case 'queryAbort':
      return body.code === null ? 'unexpected' : 'job-state'
    case 'remove':
    case 'queryRemove':
      return /not terminated/i.test(body.message) ? 'job-state' : 'unexpected'
    default:
      return 'unexpected'
  }
}

/** Whether a refusal comes from the org, or from something on the way to it, whatever the call. */
function isOrgs(operation: ApiOperation, status: number, body: ErrorBody): boolean {
  if (operation === 'token' || isRedirect(status)) return true
  if (TRANSIENT_STATUSES.has(status) || status > 500) return true
  // 413 may come from a front end with its own page.
  if (operation === 'upload' && status === 413) return false
  // A page does not come from the API, so it says nothing about the job, the object or the rows.
  if (body.html || ORG_CODES.has(body.code)) return true
  if (status === 401 || status === 406 || status === 407 || status === 410) return true
  if (status === 403 && isForbidden(operation, body)) return true
  // A code that names the job's state or the object is about that, whatever its text.
  const isNamed =
    JOB_STATE.has(body.code) ||
    (operation === 'create' && isAboutObject(body)) ||
    (operation === 'queryCreate' && (isAboutObject(body) || isAboutQuery(body)))
  return status !== 404 && !isNamed && isPassing(body)
}

/**
 * A 403 concerns the user or a policy. Some users may create no job for an object; some may not
 * read the org's record.
 */
function isForbidden(operation: ApiOperation, body: ErrorBody): boolean {
  if (operation === 'create') return !isAboutObject(body)
  return ON_A_JOB.has(operation) || body.code === null
}

/** Whether a retry within seconds may succeed. */
function isTransient(status: number, body: ErrorBody): boolean {
  if (TRANSIENT_STATUSES.has(status) || status > 500) return true
  if (isRedirect(status) || FORBIDDING.has(status)) return false
  return body.html || isPassing(body)
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400
}

const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
  'ERR_PROXY_TUNNEL',
  'ERR_READING_RESPONSE_STREAM',
  'ETIMEDOUT',
])

/** The typed error for a call without an answer, or whose answer broke off. */
export function errorFromNetwork(
  operation: ApiOperation,
  origin: string,
  broken: { readonly code: string; readonly text: string; readonly status: number | null },
): SalesforceError {
  const { code, text, status } = broken
  const refused = status === null ? proxyRefusal(operation, text) : null
  if (refused !== null) return refused
  return new SalesforceError(
    {
      kind: 'org-fault',
      code,
      operation,
      httpStatus: status,
      transient: TRANSIENT_CODES.has(code),
      retryAfterMs: null,
    },
    `${status === null ? 'No answer from' : 'The answer broke off from'} Salesforce at ${origin} to ` +
      `the call ${operation}: ${plainCause(redact(text), code)}${text.includes(code) ? '' : `, ${code}`}. ` +
      adviceOnNetwork(code),
  )
}

/** The typed error for a success with other content than the API describes. */
export function errorFromContent(
  operation: ApiOperation,
  status: number,
  content: {
    readonly kind: FaultKind
    readonly code: string
    readonly text: string
    /** The body is a page: something between here and the API answered, for now. */
    readonly interposed?: boolean
    readonly transient?: boolean
  },
): SalesforceError {
  const { kind, code, text, interposed = false, transient = interposed } = content
  return new SalesforceError(
    {
      ...{ kind, code, operation, httpStatus: status, retryAfterMs: null },
      ...{ transient, interposed },
    },
    `Salesforce answered ${operation} with ${status}, but ${asSentence(redact(text))} ` +
      adviceOnKind(kind),
  )
}

function asSentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`
}
