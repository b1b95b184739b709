import type { Clock } from './clock.ts'
import { WrongLedgerOrOrgError } from './errors.ts'
import type { Logger } from './logger.ts'

/** What every step needs: a log, a clock, and the signal to stop. */
export interface Context {
  readonly log: Logger
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** The worker is stopping: the job is handed over at its checkpoint. */
export class ShutdownError extends Error {
  override readonly name = 'ShutdownError'
}

/** The work cannot be done now, for a reason outside it. It is retried later. */
export class LaterError extends Error {
  override readonly name = 'LaterError'
  /** The wait that a server asked for, in milliseconds; 0 if it asked for none. */
  readonly afterMs: number

  constructor(message: string, afterMs = 0) {
    super(message)
    this.afterMs = afterMs
  }
}

/** Another worker owns the job now, or has finished it. This one does nothing more with it. */
export class NotOursError extends Error {
  override readonly name = 'NotOursError'
}

/** The worker is stopping, or the org or ledger is the wrong one: current jobs are handed over. */
export const endsAllWork = (error: unknown): boolean =>
  error instanceof ShutdownError || error instanceof WrongLedgerOrOrgError
