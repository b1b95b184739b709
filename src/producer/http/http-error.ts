import { ExpungeError } from '../../shared/base/errors.ts'
import type { Denial } from './rights.ts'

/** Problem codes of the HTTP API, with their statuses. */
type HttpCode = Denial['code'] | keyof typeof STATUS_OF

/** Listed in docs/http-api.md. */
export const STATUS_OF = {
  MALFORMED_HTTP: 400,
  MALFORMED_URL: 400,
  MALFORMED_BODY: 400,
  BODY_TOO_DEEP: 400,
  BODY_CUT_SHORT: 400,
  KEY_MISSING: 401,
  KEY_UNKNOWN: 401,
  FOREIGN_ORIGIN: 403,
  NO_SUCH_ROUTE: 404,
  UNKNOWN_ORG: 404,
  UNKNOWN_REQUEST: 404,
  NO_RESULT_FILE: 404,
  METHOD_NOT_ALLOWED: 405,
  TOO_SLOW: 408,
  ID_TAKEN: 409,
  NOT_OVER_YET: 409,
  BODY_TOO_LARGE: 413,
  MEDIA_TYPE_NOT_SUPPORTED: 415,
  RATE_LIMITED: 429,
  TOO_MANY_AT_ONCE: 429,
  HEADERS_TOO_LARGE: 431,
  INTERNAL_ERROR: 500,
  RESULT_FILE_LOST: 503,
  RESULTS_STORE_UNUSABLE: 503,
  TOO_MANY_UPLOADS: 503,
  STOPPING: 503,
} as const

const DENIED = 403

/** Ends a call with a problem. */
export class HttpError extends ExpungeError {
  readonly code: HttpCode
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(code: HttpCode, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.code = code
    this.status = statuses.get(code) ?? DENIED
    this.headers = headers
  }
}

export function noSuchRoute(): HttpError {
  return new HttpError('NO_SUCH_ROUTE', 'No such route. See /docs for the routes of this API.')
}

/** The caller's key lacks the permission. */
export class DeniedError extends HttpError {}

/** @throws DeniedError with the code and message of the denial */
export function assertAllowed(denial: Denial | null): void {
  if (denial !== null) throw new DeniedError(denial.code, denial.message)
}

const statuses: ReadonlyMap<string, number> = new Map(Object.entries(STATUS_OF))

/** Seconds after which a caller may retry. */
const RETRY_AFTER_SECONDS = 5

export const retryAfter = (seconds = RETRY_AFTER_SECONDS) => ({ 'Retry-After': String(seconds) })

export function methodNotAllowed(allowed: readonly string[]): HttpError {
  const allow = allowed.join(', ')
  return new HttpError('METHOD_NOT_ALLOWED', `Expected one of the methods ${allow}.`, {
    Allow: allow,
  })
}
