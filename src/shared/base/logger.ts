import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino'
import { maskLine } from './secret-masking.ts'

export type { Logger } from 'pino'

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
type LogLevel = (typeof LOG_LEVELS)[number]

interface LoggerOptions {
  readonly level: LogLevel
  /** Where the lines go: stderr unless given, for stdout belongs to what a command answers. */
  readonly destination?: DestinationStream
  /** The process, as in `worker`. */
  readonly name?: string
}

/**
 * A logger of JSON lines. Secrets are struck out of the finished line, so that fields, bindings,
 * messages and errors all pass the same gate. Record ids and what may be personal data are for
 * callers to leave out.
 */
export function createLogger({ level, destination, name }: LoggerOptions): Logger {
  return pino(
    {
      level,
      ...(name === undefined ? {} : { name }),
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: presentFields },
      // For a child's bindings: pino passes those by the formatter.
      serializers: { err: (value: unknown) => present(value, []) },
      hooks: { streamWrite: maskLine },
    },
    destination ?? stderr(),
  )
}

/** Of lines that cannot be written, as on a full disk, so many bytes wait for better times. */
const MOST_WAITING = 1_000_000

/**
 * Synchronous: the line that says why a process dies must be out before it does. What cannot be
 * written, because the terminal was closed or the disk is full, must not end the work it tells of.
 */
function stderr(): DestinationStream {
  const stream = pino.destination({ dest: 2, sync: true, maxLength: MOST_WAITING })
  stream.on('error', () => {})
  return stream
}

/** Deeper than our own objects go; below it begins a library's internal state. */
const MAX_DEPTH = 8

function presentFields(fields: object, above: readonly unknown[] = [fields]) {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, present(value, above)]),
  )
}

/** Errors reduced to their words wherever they stand, bytes to their number. */
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
 * An error's code, words and causes. Its other fields stay behind: that of an HTTP client holds the
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
    ...(error instanceof SuppressedError
      ? { errors: present([error.suppressed, error.error], above) }
      : {}),
  }
}

function isPlain(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}

/** What was changed, and why, in the caller's own words. */
export interface AuditEntry {
  readonly action: 'submit' | 'refuse' | 'approve' | 'cancel'
  readonly org: string
  readonly id: string
  readonly reason: string | null
}

/**
 * The line that says who has changed what, over whichever door. Written once the change has been
 * made.
 *
 * @param by who it was, and by which door: `key`, or `door` and the job there
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
  refuse: 'Request refused at the door.',
  approve: 'Request approved.',
  cancel: 'Request cancelled.',
} as const satisfies Record<AuditEntry['action'], string>
