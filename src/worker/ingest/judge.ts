import { NotOursError } from '../../shared/base/context.ts'
import { messageOf } from '../../shared/base/errors.ts'
import { CodeTable, codeSet } from '../../shared/salesforce/code-table.ts'
import { isForeignAnswer, SalesforceError, WrongOrgError } from '../../shared/salesforce/errors.ts'
import { LedgerReplacedError } from '../../shared/store/ledger/connection.ts'
import type { PauseReason } from '../../shared/store/ledger/pause.ts'
import { StagingError } from '../../shared/store/staging/staging.ts'
import type { RetryReason } from '../../shared/telemetry/metrics/events.ts'
import { ResultFormatError } from './result-csv.ts'

/** How to react to a failed step. */
type Judgement = {
  /** Label for the metric. */
  readonly reason: RetryReason
  readonly afterMs: number
  readonly code: string
  readonly message: string
} & (
  | {
      readonly kind: 'internal' | 'unexpected' | 'hopeless'
    }
  | {
      /** Retried without a limit: the request did not cause it. */
      readonly kind: 'org-fault'
      readonly pause: PauseReason
      /** The answer concerns the whole org; other answers may be a one-off. */
      readonly atOnce: boolean
      /** It may concern this job alone, and may never end. */
      readonly isForeign: boolean
      /** The call was refused, apparently permanently; this may concern this job alone. */
      readonly isRefusal: boolean
    }
)

/**
 * A longer wait belongs to the org: all jobs share it at the gate, and `status` shows the reason.
 */
const LONGEST_OWN_WAIT_MS = 10_000

/** @throws NotOursError, WrongOrgError, LedgerReplacedError unchanged: they stop all work */
export function judge(error: unknown): Judgement {
  if (error instanceof NotOursError || error instanceof WrongOrgError) throw error
  if (error instanceof LedgerReplacedError) throw error
  if (error instanceof SalesforceError) return judgeAnswer(error)
  const message = messageOf(error)
  if (error instanceof StagingError) {
    return { kind: 'hopeless', reason: 'staging', afterMs: 0, code: error.code, message }
  }
  if (error instanceof ResultFormatError) {
    return { kind: 'unexpected', reason: 'unexpected', afterMs: 0, code: error.code, message }
  }
  return { kind: 'internal', reason: 'internal', afterMs: 0, code: 'INTERNAL', message }
}

function judgeAnswer(error: SalesforceError): Judgement {
  const { kind, code, message, httpStatus } = error
  const asked = error.retryAfterMs ?? 0
  const afterMs = kind === 'org-fault' ? asked : Math.min(asked, LONGEST_OWN_WAIT_MS)
  switch (kind) {
    case 'org-fault': {
      const reason = httpStatus === null ? 'network' : kind
      const pause = pauseOf(error)
      return {
        ...{ kind, reason, afterMs, code, message },
        ...pause,
        ...(asked > LONGEST_OWN_WAIT_MS ? { atOnce: true } : {}),
        isForeign: isForeignAnswer(error),
        isRefusal: asked === 0 && !pause.atOnce && isRefusal(error),
      }
    }
    case 'job-state':
    case 'already-uploaded':
    case 'not-found':
    case 'unexpected':
      return { kind: 'unexpected', reason: kind, afterMs, code, message }
    case 'refused':
    case 'too-large':
      return { kind: 'hopeless', reason: kind, afterMs, code, message }
    default:
      throw new TypeError(`Unknown kind of fault ${String(kind satisfies never)}`)
  }
}

function isRefusal({ operation, httpStatus, transient }: SalesforceError): boolean {
  if (operation === 'token' || transient || httpStatus === null) return false
  return httpStatus >= 400 && httpStatus < 500
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

function pauseOf(error: SalesforceError): { pause: PauseReason; atOnce: boolean } {
  const { operation, code, httpStatus, transient, retryAfterMs } = error
  const pause = BY_CODE.get(code)
  if (pause !== undefined) return { pause, atOnce: true }
  if (httpStatus === 429) return { pause: 'rate', atOnce: true }
  if (operation === 'token' && httpStatus !== null && httpStatus < 500) {
    if (!transient) return { pause: 'login', atOnce: true }
    // Too many logins, reported with status 400.
    if (retryAfterMs !== null) return { pause: 'rate', atOnce: true }
  }
  if (TOO_MUCH.has(code)) return { pause: 'rate', atOnce: false }
  // An upload can meet an expired token once; the login is renewed before the retry.
  const isRefused = httpStatus === 401 || httpStatus === 403 || NOT_LET_IN.has(code)
  return { pause: isRefused ? 'login' : 'outage', atOnce: false }
}
