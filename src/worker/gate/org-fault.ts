import { CodeTable, codeSet } from '../../shared/salesforce/code-table.ts'
import type { SalesforceError } from '../../shared/salesforce/errors.ts'
import type { PauseReason } from '../../shared/store/ledger/pause.ts'
import type { OrgFault } from '../../shared/store/ledger/pause-fault.ts'

/**
 * A longer wait belongs to the org: all jobs share it at the gate, and `status` shows the reason.
 */
export const LONGEST_OWN_WAIT_MS = 10_000

/** What an org fault means at the gate; `atOnce`: it concerns the whole org, and is no one-off. */
export function orgFaultOf(error: SalesforceError): OrgFault & { readonly atOnce: boolean } {
  const { message } = error
  const afterMs = error.retryAfterMs ?? 0
  const { reason, atOnce } = pauseOf(error)
  return { reason, message, afterMs, atOnce: atOnce || afterMs > LONGEST_OWN_WAIT_MS }
}

const BY_CODE = new CodeTable<PauseReason>({
  REQUEST_LIMIT_EXCEEDED: 'request-limit',
  EXCEEDEDQUOTA: 'quota',
  INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE: 'maintenance',
  ORG_IN_MAINTENANCE: 'maintenance',
})

/** Codes for too many requests at once, though perhaps for one call only. */
const TOO_MUCH = codeSet('LIMIT_EXCEEDED', 'TXN_SECURITY_METERING_ERROR')

/** Codes by which an org denies access, whatever the status. */
const NOT_LET_IN = codeSet(
  'API_CURRENTLY_DISABLED',
  'API_DISABLED_FOR_ORG',
  'CLIENT_NOT_ACCESSIBLE_FOR_USER',
  'INSUFFICIENT_ACCESS',
  'INVALID_OPERATION_WITH_EXPIRED_PASSWORD',
  'INVALID_SESSION_ID',
  'ORG_LOCKED',
  'PASSWORD_LOCKOUT',
  'TRIAL_EXPIRED',
)

function pauseOf(error: SalesforceError): { reason: PauseReason; atOnce: boolean } {
  const { operation, code, httpStatus, transient, retryAfterMs } = error
  const reason = BY_CODE.get(code)
  if (reason !== undefined) return { reason, atOnce: true }
  if (httpStatus === 429) return { reason: 'rate', atOnce: true }
  if (operation === 'token' && httpStatus !== null && httpStatus < 500) {
    if (!transient) return { reason: 'login', atOnce: true }
    // Too many logins, reported with status 400.
    if (retryAfterMs !== null) return { reason: 'rate', atOnce: true }
  }
  if (TOO_MUCH.has(code)) return { reason: 'rate', atOnce: false }
  // An upload can meet an expired token once; the login is renewed before the retry.
  const isRefused = httpStatus === 401 || httpStatus === 403 || NOT_LET_IN.has(code)
  return { reason: isRefused ? 'login' : 'outage', atOnce: false }
}
