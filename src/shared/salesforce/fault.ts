import { adviceOnAnswer, adviceOnKind, adviceOnNetwork } from './advice.ts'
import { type ErrorBody, parseErrorBody } from './error-body.ts'
import { type FaultKind, SalesforceError } from './errors.ts'
import { JOB_OPERATIONS, type Operation } from './operation.ts'
import { redact } from './redact.ts'

/** Statuses that come and go, as other clients of this API retry them; 420 is Salesforce Edge's. */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 420, 429, 500, 502, 503, 504])

/** Codes that speak of the org or the service, whatever the status they come with. */
const ORG_CODES: ReadonlySet<string> = new Set([
  'API_CURRENTLY_DISABLED',
  'API_DISABLED_FOR_ORG',
  'EXCEEDEDQUOTA',
  'INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE',
  'INVALIDSESSIONID',
  'INVALID_SESSION_ID',
  'LIMIT_EXCEEDED',
  'ORG_LOCKED',
  'REQUEST_LIMIT_EXCEEDED',
  'REQUEST_RUNNING_TOO_LONG',
  'SERVER_UNAVAILABLE',
  'TXN_SECURITY_METERING_ERROR',
  'UNKNOWN_EXCEPTION',
  'UNSUPPORTED_API_VERSION',
])

const ON_A_JOB: ReadonlySet<Operation> = new Set(JOB_OPERATIONS)

/** An answer that is no success, read. */
export interface ErrorAnswer {
  readonly operation: Operation
  readonly status: number
  readonly text: string
  readonly retryAfterMs: number | null
  /** Where a redirect points. */
  readonly redirectHost: string | null
  /** Struck out of the message where the answer quotes them. */
  readonly secrets: readonly string[]
  /** Of a login: how a new secret gets here. */
  readonly renewal?: string | undefined
}

/** The typed error for an answer that is no success. */
export function errorFromAnswer(answer: ErrorAnswer): SalesforceError {
  const { operation, status, redirectHost, secrets } = answer
  const body = parseErrorBody(answer.text)
  const kind = kindOf(operation, status, body)
  const code = redact(body.code ?? `HTTP_${status}`, secrets)
  const transient = TRANSIENT_STATUSES.has(status)
  const said =
    redirectHost === null ? redact(body.message, secrets) : `a redirect to ${redirectHost}`
  const advice = adviceOnAnswer({
    operation,
    kind,
    code,
    message: body.message,
    redirected: isRedirect(status),
    transient,
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
      retryAfterMs: answer.retryAfterMs,
    },
    `Salesforce answered ${operation} with ${answered}: ${asSentence(said || 'no text')} ` +
      `${patienceOf(answer.retryAfterMs)}${advice}`,
  )
}

function patienceOf(retryAfterMs: number | null): string {
  if (retryAfterMs === null || retryAfterMs === 0) return ''
  return `Retry-After holds calls back for ${Math.ceil(retryAfterMs / 1000)} s. `
}

function kindOf(operation: Operation, status: number, body: ErrorBody): FaultKind {
  const { code, message, html } = body
  if (status === 413 || code === 'EXCEEDED_MAX_SIZE_REQUEST') return 'too-large'
  if (operation === 'token' || isRedirect(status)) return 'org-fault'
  if (TRANSIENT_STATUSES.has(status) || status > 500) return 'org-fault'
  if (status === 401 || status === 406 || status === 410) return 'org-fault'
  if (code !== null && ORG_CODES.has(code)) return 'org-fault'
  // A page of HTML does not come from the API, so it cannot know whether the job exists.
  if (status === 404) return ON_A_JOB.has(operation) && !html ? 'not-found' : 'org-fault'
  if (message.includes('Found multiple contents')) return 'already-uploaded'
  if (code === 'INVALIDJOBSTATE' || code === 'INVALIDJOB') return 'job-state'
  if (operation === 'remove' && message.includes('not terminated')) return 'job-state'
  if (operation === 'create' && code !== null) return 'refused'
  // Without JSON it is an allow-list of addresses or a proxy that forbids, not the API.
  return status === 403 && code === null ? 'org-fault' : 'unexpected'
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

/** The typed error for a call that got no answer, or whose answer broke off. */
export function errorFromNetwork(
  operation: Operation,
  host: string,
  broken: { readonly code: string; readonly text: string; readonly status: number | null },
): SalesforceError {
  const { code, text, status } = broken
  return new SalesforceError(
    {
      kind: 'org-fault',
      code,
      operation,
      httpStatus: status,
      transient: TRANSIENT_CODES.has(code),
      retryAfterMs: null,
    },
    `The call ${operation} to ${host} broke off: ${redact(text)} (${code}). ` +
      adviceOnNetwork(code),
  )
}

/** The typed error for a success that carries something else than the API describes. */
export function errorFromContent(
  operation: Operation,
  status: number,
  content: { readonly kind: FaultKind; readonly code: string; readonly text: string },
): SalesforceError {
  const { kind, code, text } = content
  return new SalesforceError(
    { kind, code, operation, httpStatus: status, transient: false, retryAfterMs: null },
    `Salesforce answered ${operation} with ${status}, but ${asSentence(redact(text))} ` +
      adviceOnKind(kind),
  )
}

function asSentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`
}
