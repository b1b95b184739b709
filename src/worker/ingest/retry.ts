import type { Verdict } from '../../shared/receipt.ts'
import type { Operation } from '../../shared/request.ts'

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

/** A hard delete of what lies in the Recycle Bin has not removed it: that is a failure. */
export function verdictOf(code: string, operation: Operation): Verdict {
  return classOf(code) === 'already-gone' && operation === 'delete' ? 'alreadyGone' : 'failed'
}

export function classOf(code: string): FailureClass {
  return FAILURE_CLASSES.get(code) ?? 'permanent'
}

/** Metrics carry only codes of the table: a label must come from a closed set. */
export function codeLabel(code: string): string {
  return FAILURE_CLASSES.has(code) ? code : 'OTHER'
}
