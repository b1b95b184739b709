import { NotOursError } from '../../shared/base/context.ts'
import { messageOf } from '../../shared/base/errors.ts'
import { ResultsStoreError } from '../../shared/results/results-store.ts'
import { isForeignAnswer, SalesforceError, WrongOrgError } from '../../shared/salesforce/errors.ts'
import { LedgerReplacedError } from '../../shared/store/ledger/connection.ts'
import type { PauseReason } from '../../shared/store/ledger/pause.ts'
import { StagingError } from '../../shared/store/staging/staging.ts'
import type { RetryReason } from '../../shared/telemetry/metrics/events.ts'
import { LONGEST_OWN_WAIT_MS, orgFaultOf } from '../gate/org-fault.ts'
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
  if (error instanceof ResultsStoreError) {
    return { kind: 'internal', reason: 'results', afterMs: 0, code: error.code, message }
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
      const { reason: pause, atOnce } = orgFaultOf(error)
      return {
        ...{ kind, reason, afterMs, code, message, pause, atOnce },
        isForeign: isForeignAnswer(error),
        isRefusal: asked === 0 && !atOnce && isRefusal(error),
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
