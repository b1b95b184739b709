import { ExpungeError } from '../shared/base/errors.ts'
import { EXIT_BY, type StopSignalName } from '../shared/base/shutdown.ts'
import type { TerminalStatus } from '../shared/contract/status.ts'
import type { Host, Screen } from './screen.ts'

/** What every command receives. */
export interface Cli {
  readonly screen: Screen
  /** For its signals; everything else goes through the screen. */
  readonly host: Host
  readonly version: string
  /** As typed, without the program's own name. */
  readonly argv: readonly string[]
}

/** Exit codes for scripts; a published contract. */
export const EXIT = {
  /** Completed or planned; for `submit`: accepted. */
  ok: 0,
  incomplete: 1,
  /** Wrong usage, settings, credentials or environment: nothing was started. */
  usage: 2,
  /** Refused or cancelled. */
  refused: 3,
  failed: 4,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export function exitCodeOf(status: TerminalStatus): ExitCode {
  switch (status) {
    case 'completed':
    case 'planned':
      return EXIT.ok
    case 'incomplete':
      return EXIT.incomplete
    case 'refused':
    case 'cancelled':
      return EXIT.refused
    case 'failed':
      return EXIT.failed
    default:
      throw new TypeError(`Unknown status ${String(status satisfies never)}`)
  }
}

/** The command line is invalid; the message says what is valid. */
export class UsageError extends ExpungeError {
  readonly code = 'USAGE'
}

/** Something that the command needs is gone. */
export class LostError extends ExpungeError {
  readonly code = 'LOST'
}

/**
 * Ctrl-C, SIGTERM or a closed terminal. The exit code is the one that shells use for the signal.
 */
export class InterruptedError extends ExpungeError {
  readonly code = 'INTERRUPTED'
  readonly signal: StopSignalName

  constructor(signal: StopSignalName) {
    super(`Interrupted by ${signal}.`)
    this.signal = signal
  }

  get exitCode(): number {
    return EXIT_BY[this.signal]
  }
}
