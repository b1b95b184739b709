import { UNKNOWN_ERROR } from '../../shared/contract/receipt.ts'
import { csvLine } from '../../shared/results/csv.ts'
import { CodeTable } from '../../shared/salesforce/code-table.ts'
import { RESULTS_CONTRADICT } from '../../shared/salesforce/matched-ingest.ts'
import { OTHER_CODE } from '../../shared/telemetry/metrics/events.ts'

/**
 * Whether a row's error justifies a retry. Codes are those that Salesforce writes before the first
 * colon of `sf__Error` (SOAP API, StatusCode; Bulk API 2.0, Get Job Failed Record Results).
 */
type FailureClass = 'already-gone' | 'transient' | 'permanent'

const LOCK_FAILURE = 'TooManyLockFailure'

const FAILURE_CLASSES = new CodeTable<FailureClass>({
  ENTITY_IS_DELETED: 'already-gone',

  UNABLE_TO_LOCK_ROW: 'transient',
  [LOCK_FAILURE]: 'transient',
  UNKNOWN_EXCEPTION: 'transient',
  SERVER_UNAVAILABLE: 'transient',
  REQUEST_RUNNING_TOO_LONG: 'transient',
  QUERY_TIMEOUT: 'transient',
  LIMIT_EXCEEDED: 'transient',
  TOO_MANY_APEX_REQUESTS: 'transient',
  INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE: 'transient',

  /** The id resolves to no visible record: purged, no access, or another org. */
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

  /** Our own code: the result files list the row as deleted and as failed. */
  [RESULTS_CONTRADICT]: 'permanent',
})

/** A row's error, parsed. Rows with the same text share one. */
export interface RowFailure {
  readonly code: string
  readonly kind: FailureClass
  /** The row of `failed.csv` after its id, with the line end. */
  readonly line: Uint8Array
}

export function rowFailure(code: string, message: string): RowFailure {
  return { code, kind: classOf(code), line: Buffer.from(csvLine(['', code, message])) }
}

/** Reads the text of `sf__Error`. */
export function readRowError(text: string): RowFailure {
  const { code, message } = parseRowError(text)
  return rowFailure(code, message)
}

/**
 * A lock anywhere in the text counts as a lock, because triggers wrap it in their own errors.
 * Searching costs 0.15 µs per failed row (measured).
 */
const LOCK =
  /unable[_ ]?to[_ ]?(?:lock[_ ]?row|obtain exclusive access)|(too[_ ]?many[_ ]?lock[_ ]?failure)/i

/**
 * Parses `CODE:message:fields --`. Messages contain colons, so only the first one separates. Codes
 * match in any spelling. If the text does not start with a code, one within it counts, as in
 * `System.DmlException: … first error: DELETE_FAILED, …`; but never a code for "already gone",
 * which may concern another record. A code that is in no table keeps its own name.
 */
export function parseRowError(text: string): { code: string; message: string } {
  const lock = LOCK.exec(text)
  if (lock !== null) {
    return { code: lock[1] === undefined ? 'UNABLE_TO_LOCK_ROW' : LOCK_FAILURE, message: text }
  }
  const colon = text.indexOf(':')
  const lead = (colon < 0 ? text : text.slice(0, colon)).trim()
  const code = FAILURE_CLASSES.nameOf(lead) ?? ownName(lead)
  if (code !== undefined) return { code, message: colon < 0 ? text : text.slice(colon + 1) }
  return { code: codeWithin(text) ?? UNKNOWN_ERROR, message: text }
}

/** Maximum length of a code in a receipt; Salesforce's longest has about 60 characters. */
const LONGEST_CODE = 64

/** `SOME_CODE`, `some_code` or `SomeCode`, but no prose or record id, because receipts show it. */
const CODE = /^(?:[A-Z]+|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[a-z]+(?:_[a-z0-9]+)+|(?:[A-Z][a-z]+){2,})$/

function ownName(lead: string): string | undefined {
  return CODE.test(lead) ? lead.slice(0, LONGEST_CODE) : undefined
}

function codeWithin(text: string): string | undefined {
  const words = text.match(/\b[A-Z]+(?:_[A-Z]+)+\b/g) ?? []
  return words.find((word) => FAILURE_CLASSES.has(word) && classOf(word) !== 'already-gone')
}

export function classOf(code: string): FailureClass {
  return FAILURE_CLASSES.get(code) ?? 'permanent'
}

/** Metrics use only codes of the table: a label needs a closed set of values. */
export function codeLabel(code: string): string {
  return FAILURE_CLASSES.nameOf(code) ?? OTHER_CODE
}

export const FAILURE_CODES: readonly string[] = FAILURE_CLASSES.names
