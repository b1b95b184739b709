import {
  type DestinationStream,
  type LevelWithSilent,
  type Logger,
  pino,
  stdTimeFunctions,
} from 'pino'
import { isSuppressed } from './errors.ts'
import { maskLine } from './secret-masking.ts'

export type { Logger } from 'pino'

interface LoggerOptions {
  readonly level: LevelWithSilent
  /** Where the lines go. Default: stderr, because stdout is for a command's output. */
  readonly destination?: DestinationStream
  /** Name of the process, such as `worker`. */
  readonly name?: string
}

/**
 * A logger of JSON lines. Secrets are masked in the finished line, so that one place covers fields,
 * bindings, messages and errors. Callers must not log record ids or what may be personal data.
 */
export function createLogger({ level, destination, name }: LoggerOptions): Logger {
  return pino(
    {
      level,
      ...(name === undefined ? {} : { name }),
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: presentFields },
      // For a child's bindings, which pino does not pass through the formatter.
      serializers: { err: (value: unknown) => present(value, []) },
      hooks: { streamWrite: maskLine },
    },
    destination ?? stderr(),
  )
}

/** Bytes of log lines kept in memory while they cannot be written, as on a full disk. */
const MOST_WAITING = 1_000_000

/**
 * Synchronous, so that the line that says why a process ends is written before it ends. A line that
 * cannot be written, because the terminal was closed or the disk is full, must not end the work.
 */
function stderr(): DestinationStream {
  const stream = pino.destination({ dest: 2, sync: true, maxLength: MOST_WAITING })
  stream.on('error', () => {})
  return stream
}

/** Our own objects are not as deep. Anything deeper is a library's internal state. */
const MAX_DEPTH = 8

function presentFields(fields: object, above: readonly unknown[] = [fields]) {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, present(value, above)]),
  )
}

/** A value fit for a log line: errors without their internal fields, bytes as their count. */
function present(value: unknown, above: readonly unknown[]): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (above.includes(value)) return '[circular]'
  if (above.length > MAX_DEPTH) return '[deep]'
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if ('toJSON' in value && typeof value.toJSON === 'function' && !(value instanceof Error)) {
    return value
  }
  const here = [...above, value]
  if (value instanceof Error) return presentError(value, here)
  return Array.isArray(value)
    ? value.map((item) => present(item, here))
    : presentFields(value, here)
}

/**
 * An error's code, message and causes. Other fields are left out: an HTTP client's error holds the
 * request with its headers and body, the response, and all options.
 */
function presentError(error: Error, above: readonly unknown[]): Record<string, unknown> {
  return {
    type: error.name,
    ...('code' in error && isPlain(error.code) ? { code: error.code } : {}),
    message: error.message,
    stack: error.stack,
    ...(error.cause instanceof Error ? { cause: present(error.cause, above) } : {}),
    ...(error instanceof AggregateError ? { errors: present(error.errors, above) } : {}),
    ...(isSuppressed(error) ? { errors: present([error.suppressed, error.error], above) } : {}),
  }
}

function isPlain(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}

/** A change to a request, and the caller's reason for it. */
export interface AuditEntry {
  readonly action: 'submit' | 'refuse' | 'approve' | 'cancel' | 'priority'
  readonly org: string
  readonly id: string
  readonly reason: string | null
}

/**
 * The audit line: who changed what, through which entry point. Written after the change was made.
 *
 * @param by who it was and through which entry point: `key`, or `door` and the job there
 */
export function writeAudit(
  log: Logger,
  { action, org, id, reason }: AuditEntry,
  by: Readonly<Record<string, unknown>>,
): void {
  log.info({ audit: action, ...by, org, request: id, reason }, WORDS[action])
}

const WORDS = {
  submit: 'Request submitted.',
  refuse: 'Request refused.',
  approve: 'Request approved.',
  cancel: 'Request cancelled.',
  priority: 'Priority of a request changed.',
} as const satisfies Record<AuditEntry['action'], string>
