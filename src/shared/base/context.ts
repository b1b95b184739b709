import type { Clock } from './clock.ts'
import { WrongLedgerOrOrgError } from './errors.ts'
import type { Logger } from './logger.ts'

/** What every step gets: a log, a clock, and the signal to stop. */
export interface Context {
  readonly log: Logger
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** The worker stops: the job is handed over at its checkpoint. */
export class ShutdownError extends Error {
  override readonly name = 'ShutdownError'
}

/** The work cannot be done now, through no fault of its own: it is tried again later. */
export class LaterError extends Error {
  override readonly name = 'LaterError'
  /** What a server asked for, in milliseconds; 0 where it did not. */
  readonly afterMs: number

  constructor(message: string, afterMs = 0) {
    super(message)
    this.afterMs = afterMs
  }
}

/** Another worker owns the job now, or has ended it: this one does nothing more. */
export class NotOursError extends Error {
  override readonly name = 'NotOursError'
}

/** The worker stops, or the org or its ledger is another one: what is in hand is handed over. */
export const endsAllWork = (error: unknown): boolean =>
  error instanceof ShutdownError || error instanceof WrongLedgerOrOrgError
