import { messageOf } from '../../shared/errors.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import { StagingError } from '../../shared/staging.ts'
import { NotOursError } from '../context.ts'
import { ResultFormatError } from './result-csv.ts'

/** What a failed step deserves. */
export interface Judgement {
  /**
   * - `again`: as often as it takes. Faults of the org, and our own: a full disk must not keep what
   *   Salesforce did from being written down.
   * - `unexpected`: a few times. The API's description does not allow for it.
   * - `hopeless`: another try would meet the same wall.
   */
  readonly kind: 'again' | 'unexpected' | 'hopeless'
  /** For the metric: one of a few words. */
  readonly reason: string
  readonly afterMs: number
  readonly code: string
  readonly message: string
}

/** @throws NotOursError as it came: it ends everything. */
export function judge(error: unknown): Judgement {
  if (error instanceof NotOursError) throw error
  if (error instanceof SalesforceError) return judgeAnswer(error)
  const message = messageOf(error)
  if (error instanceof StagingError) {
    return { kind: 'hopeless', reason: 'staging', afterMs: 0, code: error.code, message }
  }
  if (error instanceof ResultFormatError) {
    return { kind: 'unexpected', reason: 'unexpected', afterMs: 0, code: error.code, message }
  }
  return { kind: 'again', reason: 'internal', afterMs: 0, code: 'INTERNAL', message }
}

function judgeAnswer(error: SalesforceError): Judgement {
  const { kind, code, message, httpStatus } = error
  const afterMs = error.retryAfterMs ?? 0
  switch (kind) {
    case 'org-fault': {
      const reason = httpStatus === null ? 'network' : kind
      return { kind: 'again', reason, afterMs, code, message }
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
