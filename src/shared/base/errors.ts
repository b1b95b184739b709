import { visible, visibleLines } from './visible.ts'

/**
 * Base class of every error that Expunge raises on purpose: a code for programs, a flag that tells
 * whether a retry may help, and a message for people that says what was expected, what came and
 * where, and what to do next. A message never holds a secret or a value that may be personal data. It
 * holds no control character but the line feed, because it may quote text from callers and servers.
 */
export abstract class ExpungeError extends Error {
  abstract readonly code: string
  /** False if a retry would fail in the same way. */
  readonly retryable: boolean = false

  constructor(message: string, options?: ErrorOptions) {
    super(visibleLines(message), options)
  }

  override get name(): string {
    return this.constructor.name
  }
}

/** Why a guard rail stopped a request before anything was deleted: status `refused`. */
type RefusalCode =
  | 'INVALID_REQUEST'
  | 'UNKNOWN_JOB'
  | 'CHILD_FAILED'
  | 'UNKNOWN_OBJECT'
  | 'OBJECT_NOT_DELETABLE'
  | 'OTHER_PREFIX'
  | 'HARD_DELETE_NOT_ALLOWED'
  | 'SOURCE_NOT_ALLOWED'
  | 'SOURCE_TOO_LARGE'
  | 'EMPTY_SOURCE'
  | 'NOT_TEXT'
  | 'NO_ID_COLUMN'
  | 'AMBIGUOUS_ID_COLUMN'
  | 'LINE_TOO_LONG'
  | 'BROKEN_CSV'
  | 'INVALID_ROWS'
  | 'INVALID_EXCEPT'
  | 'NOTHING_ACCEPTED'
  | 'UNCHECKED_IDS'
  | 'OTHER_PLAN'
  | 'ACTIVE_RECORDS'
  | 'ACTIVITY_UNKNOWN'
  | 'CASE_DAMAGED'
  | 'TOO_MANY_RECORDS'
  | 'TOO_MANY_OBJECTS'
  | 'BUDGET_EXCEEDED'
  | 'TOO_MANY_CHUNKS'
  | 'PLAN_TOO_SCATTERED'
  | 'STAGING_TOO_LARGE'

/**
 * A change of one field with which the request would pass. The library names the field, the command
 * line its flag.
 */
interface Remedy {
  /** What the change achieves, as in `skip the invalid rows`. */
  readonly to: string
  /** As in the deletion request; `column` is a field of the source. */
  readonly field:
    | 'object'
    | 'onInvalid'
    | 'onUnchecked'
    | 'maxRecords'
    | 'maxFailureRatio'
    | 'column'
  /** What to set it to; null if the caller chooses it. */
  readonly value: string | null
}

export class RefusedError extends ExpungeError {
  readonly code: RefusalCode
  /** The message without the remedies. */
  readonly problem: string
  readonly remedies: readonly Remedy[]

  constructor(
    code: RefusalCode,
    problem: string,
    { remedies = [], ...options }: ErrorOptions & { readonly remedies?: readonly Remedy[] } = {},
  ) {
    super(visible([problem, ...remedies.map(fieldWords)].join(' ')), options)
    this.code = code
    this.problem = visible(problem)
    this.remedies = remedies
  }
}

function fieldWords({ to, field, value }: Remedy): string {
  return `To ${to}, set ${field}${value === null ? '' : ` to "${value}"`}.`
}

/** Why a source could not be read, although it passes the guard rails: status `failed`. */
type SourceFailureCode =
  | 'SOURCE_NOT_FOUND'
  | 'SOURCE_NOT_READABLE'
  | 'SOURCE_QUERY_FAILED'
  | 'SOURCE_CHANGED'
  | 'SOURCE_TRUNCATED'

export class SourceError extends ExpungeError {
  readonly code: SourceFailureCode

  constructor(code: SourceFailureCode, message: string, options?: ErrorOptions) {
    super(visible(message), options)
    this.code = code
  }
}

/** One wrong setting: its name as the user wrote it, what was expected, and what came. */
export interface ConfigProblem {
  readonly setting: string
  readonly message: string
}

/** All wrong settings at once, so that users do not fix one only to see the next at the next start. */
export class ConfigError extends ExpungeError {
  readonly code = 'BAD_CONFIGURATION'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(({ setting, message }) => visible(`${setting}: ${message}`)).join('\n'))
    this.problems = problems
  }
}

/**
 * The org, or its ledger in Redis, is not the one that this process works for. The process stops
 * before its next effect.
 */
export abstract class WrongLedgerOrOrgError extends ExpungeError {}

/** The `code` of a thrown value, such as Node's `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && error.code !== undefined
    ? String(error.code)
    : undefined
}

/** The code, or else the name of the error's class. Never its message. */
export function codeOrNameOf(error: unknown): string {
  return codeOf(error) ?? (error instanceof Error ? error.name : 'unknown')
}

/** Node 22 has no SuppressedError; what the compiler makes instead has its name and fields. */
export function isSuppressed(error: unknown): error is SuppressedError {
  return error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error
}

/** The message of a thrown value, for a log line or a receipt. */
export function messageOf(error: unknown): string {
  // If a host name has several addresses and none can be connected to, Node's message is empty.
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join('; ')
  }
  // Closing failed after another failure: Node's message tells neither.
  if (isSuppressed(error)) {
    return `${messageOf(error.suppressed)}; ${messageOf(error.error)}`
  }
  return error instanceof Error ? error.message : String(error)
}
