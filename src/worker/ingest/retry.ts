import type { ChunkRef } from '../../shared/ledger/record.ts'
import { OTHER_CODE } from '../../shared/metrics/labels.ts'
import { RESULTS_CONTRADICT } from '../../shared/salesforce/matched-ingest.ts'

/**
 * Which failures deserve another ingest job, when, and in which size: pure, a table.
 */

/**
 * What a row's error says about another try. Codes are those that Salesforce writes before the
 * first colon of `sf__Error` (SOAP API, StatusCode; Bulk API 2.0, Get Job Failed Record Results).
 */
export type FailureClass = 'already-gone' | 'transient' | 'permanent'

const FAILURE_CLASSES: ReadonlyMap<string, FailureClass> = new Map(
  Object.entries({
    ENTITY_IS_DELETED: 'already-gone',

    UNABLE_TO_LOCK_ROW: 'transient',
    UNKNOWN_EXCEPTION: 'transient',
    SERVER_UNAVAILABLE: 'transient',
    REQUEST_RUNNING_TOO_LONG: 'transient',
    QUERY_TIMEOUT: 'transient',
    LIMIT_EXCEEDED: 'transient',
    TOO_MANY_APEX_REQUESTS: 'transient',
    INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE: 'transient',

    /** The id resolves to nothing that is visible: purged, no access, or another org. */
    INVALID_CROSS_REFERENCE_KEY: 'permanent',
    MALFORMED_ID: 'permanent',
    INVALID_ID_FIELD: 'permanent',
    MISSING_ARGUMENT: 'permanent',
    INSUFFICIENT_ACCESS_OR_READONLY: 'permanent',
    INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY: 'permanent',
    DELETE_FAILED: 'permanent',
    DELETE_NOT_ALLOWED: 'permanent',
    DELETE_OPERATION_TOO_LARGE: 'permanent',
    DEPENDENCY_EXISTS: 'permanent',
    ENTITY_IS_LOCKED: 'permanent',
    FIELD_CUSTOM_VALIDATION_EXCEPTION: 'permanent',
    FIELD_INTEGRITY_EXCEPTION: 'permanent',
    CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY: 'permanent',
    CANNOT_EXECUTE_FLOW_TRIGGER: 'permanent',
    MIXED_DML_OPERATION: 'permanent',
    INVALID_TYPE: 'permanent',

    /** Ours: the result files say both, that the row was deleted and that it was not. */
    [RESULTS_CONTRADICT]: 'permanent',
  } as const),
)

/** One row's error, taken apart. */
export interface RowFailure {
  readonly code: string
  readonly message: string
}

/**
 * `CODE:message:fields --`. Messages hold colons, so only the first one separates. A lock anywhere
 * in the text is a lock: triggers wrap it in errors of their own.
 */
export function parseRowError(text: string): RowFailure {
  const colon = text.indexOf(':')
  const code = colon > 0 ? text.slice(0, colon).trim() : ''
  if (text.includes('UNABLE_TO_LOCK_ROW')) return { code: 'UNABLE_TO_LOCK_ROW', message: text }
  return /^[A-Z][A-Z0-9_]*$/.test(code)
    ? { code, message: text.slice(colon + 1) }
    : { code: 'UNKNOWN_ERROR', message: text }
}

export function classOf(code: string): FailureClass {
  return FAILURE_CLASSES.get(code) ?? 'permanent'
}

/** Metrics carry only codes of the table: a label must come from a closed set. */
export function codeLabel(code: string): string {
  return FAILURE_CLASSES.has(code) ? code : OTHER_CODE
}

export const FAILURE_CODES: readonly string[] = [...FAILURE_CLASSES.keys()]

/**
 * Why an ingest job ended `Failed`, from the word before the colon of its `errorMessage`
 * (AsyncExceptionCode; Bulk API 2.0, Errors). Null where it is not said to have failed.
 *
 * - `lock`, `timeout`: its batches were tried again and again; smaller jobs lock less, for shorter.
 * - `quota`: the org's daily allowance is used up, which is no fault of the rows.
 * - `input`: Salesforce does not read what was sent; the same bytes would fail again.
 */
export type JobFailure = 'lock' | 'timeout' | 'quota' | 'input' | 'other'

const JOB_FAILURES: ReadonlyMap<string, JobFailure> = new Map(
  Object.entries({
    TooManyLockFailure: 'lock',
    Timeout: 'timeout',
    ExceededQuota: 'quota',
    ClientInputError: 'input',
    InvalidBatch: 'input',
    FeatureNotEnabled: 'input',
    InvalidJob: 'input',
    InvalidOperation: 'input',
  } as const),
)

export function jobFailureOf(errorMessage: string | null): JobFailure | null {
  if (errorMessage === null) return null
  const [word = ''] = errorMessage.split(':')
  return JOB_FAILURES.get(word.trim()) ?? 'other'
}

/** Jobs that carry an id at most, those left out that were no fault of the rows. */
export const MOST_ATTEMPTS = 5

/** Whether the rows of this chunk may go once more. */
export function mayGoAgain({ attempt, excused = 0 }: ChunkRef): boolean {
  return attempt - excused < MOST_ATTEMPTS
}

/** Into how many parts a job falls that failed by locks or time. */
const PIECES = 4
/** A batch of Salesforce: what it locks at once does not shrink much below its 200-row steps. */
const SMALLEST_PIECE = 200

/** Ids that a chunk may have which carries rows of a failed job again. */
export function pieceSize(failure: JobFailure | null, count: number): number {
  return failure === 'lock' || failure === 'timeout'
    ? Math.max(SMALLEST_PIECE, Math.ceil(count / PIECES))
    : Math.max(1, count)
}

const LONGEST_DELAY_MS = 10 * 60_000

/**
 * How long rows wait before they go again: four times as long after each attempt, up to ten
 * minutes, ± 20 % so that pieces of one job do not meet at the same locks again.
 *
 * @param attempts that the rows have spent
 * @param random from 0 to 1
 */
export function resendDelay(attempts: number, firstMs: number, random: number): number {
  const delay = Math.min(LONGEST_DELAY_MS, firstMs * 4 ** Math.min(attempts - 1, 10))
  return Math.round(delay * (0.8 + 0.4 * random))
}
