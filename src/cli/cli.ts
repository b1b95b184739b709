import { hostname, userInfo } from 'node:os'
import { ExpungeError } from '../shared/base/errors.ts'
import {
  EXIT_BY,
  listenForStops,
  type Signals,
  type StopSignalName,
} from '../shared/base/shutdown.ts'
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

/** Who uses the command line, for receipts: `alice@host`. Nobody has verified the name. */
export function actorOf(env: NodeJS.ProcessEnv): string {
  return `${userName(env)}@${hostname()}`
}

function userName(env: NodeJS.ProcessEnv): string {
  try {
    return userInfo().username
  } catch {
    // A container may run under an id that has no name.
    return env['USER'] || 'unknown'
  }
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

interface Interrupts {
  /** Aborted by the first Ctrl-C, SIGTERM or SIGHUP, with an InterruptedError as its reason. */
  readonly signal: AbortSignal
  /** From now on a second Ctrl-C aborts this, and only a third ends the process. */
  expectSecond(): AbortSignal
  /** From now on the next interrupt ends the process again. */
  expectNoMore(): void
  /** Stops listening for signals. */
  forget(): void
}

/**
 * The first interrupt stops in an orderly way; the next ends the process at once, unless a second
 * Ctrl-C has its own meaning. A second SIGTERM always ends the process. A closed terminal always
 * stops in an orderly way.
 */
export function catchInterrupts(signals: Signals): Interrupts {
  const first = new AbortController()
  let second: AbortController | null = null
  const forget = listenForStops(signals, (name, isRepeated) => {
    const reason = new InterruptedError(name)
    if (!first.signal.aborted) return first.abort(reason)
    if (!isRepeated) return
    if (name !== 'SIGINT' || second === null || second.signal.aborted) {
      signals.exit(reason.exitCode)
    }
    second.abort(reason)
  })
  return {
    signal: first.signal,
    expectSecond: () => {
      second ??= new AbortController()
      return second.signal
    },
    expectNoMore: () => {
      second = null
    },
    forget,
  }
}
