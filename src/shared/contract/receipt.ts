import type { SignedAct } from './signed-act.ts'

/** The account of a request: what the plan found, what became of every id, and the receipt. */

/** What reading the source found. `read` = `accepted` + `invalid` + `duplicate`. */
export interface Plan {
  readonly read: number
  readonly accepted: number
  readonly invalid: number
  readonly duplicate: number
  /** Accepted ids that came with 15 characters, so that no checksum vouches for their case. */
  readonly unchecked: number
  /** Ingest jobs that the plan takes: ids that travel together. */
  readonly chunks: number
  /** Hex digest over the accepted 15-byte ids in ascending order, each with LF. */
  readonly sha256: string
}

/** The four verdicts an accepted id can get; each gets one. */
export const VERDICTS = ['deleted', 'alreadyGone', 'failed', 'unprocessed'] as const
export type Verdict = (typeof VERDICTS)[number]

/** Verdicts of a chunk or a request, counted. */
export type Outcome = Readonly<Record<Verdict, number>>

export const NO_OUTCOME: Outcome = { deleted: 0, alreadyGone: 0, failed: 0, unprocessed: 0 }

export function addOutcomes(a: Outcome, b: Outcome): Outcome {
  return {
    deleted: a.deleted + b.deleted,
    alreadyGone: a.alreadyGone + b.alreadyGone,
    failed: a.failed + b.failed,
    unprocessed: a.unprocessed + b.unprocessed,
  }
}

export function totalOf(outcome: Outcome): number {
  return outcome.deleted + outcome.alreadyGone + outcome.failed + outcome.unprocessed
}

/** How often each failure code was seen. */
export type FailureCounts = Readonly<Record<string, number>>

/** Of a row whose error names no code, and of further codes where there are too many. */
export const UNKNOWN_ERROR = 'UNKNOWN_ERROR'

/** Names that one account lists: codes come from Salesforce, and a receipt must stay readable. */
const MOST_CODES = 100

/** The name under which a further failure is counted, beside those that are counted already. */
export function countedAs(code: string, counted: ReadonlyMap<string, number>): string {
  return counted.has(code) || counted.size < MOST_CODES ? code : UNKNOWN_ERROR
}

export function addFailures(a: FailureCounts, b: FailureCounts): FailureCounts {
  const sum = new Map(Object.entries(a))
  for (const [code, count] of Object.entries(b)) {
    const name = countedAs(code, sum)
    sum.set(name, (sum.get(name) ?? 0) + count)
  }
  return Object.fromEntries(sum)
}

/** One ingest job as a receipt lists it; `records` are those of this request in it. */
export interface IngestJobLine {
  readonly id: string
  readonly state: string
  readonly records: number
  readonly attempt: number
}

/** A result file as it was written: what it must be as long as it lies there. */
export interface ResultFile {
  readonly name: string
  /** Below its header. */
  readonly rows: number
  readonly bytes: number
  /** Hex digest of the whole file. */
  readonly sha256: string
}

/** Why a request was refused, cancelled or failed; or what its result files lack. */
export interface ReceiptError {
  readonly code: string
  readonly message: string
}

export const TERMINAL_STATUSES = [
  'completed',
  'incomplete',
  'planned',
  'refused',
  'cancelled',
  'failed',
] as const
export type TerminalStatus = (typeof TERMINAL_STATUSES)[number]

export const LIVE_STATUSES = ['queued', 'planning', 'awaiting-approval', 'deleting'] as const
export type LiveStatus = (typeof LIVE_STATUSES)[number]

export type Status = LiveStatus | TerminalStatus
export const STATUSES = [...LIVE_STATUSES, ...TERMINAL_STATUSES] as const

export function isTerminal(status: Status): status is TerminalStatus {
  return (TERMINAL_STATUSES as readonly Status[]).includes(status)
}

/** The final account of a request, as `receipt.json` and `--json` show it. */
export interface Receipt {
  readonly id: string
  readonly org: string
  readonly orgId: string | null
  readonly object: string
  readonly operation: string
  readonly status: TerminalStatus
  readonly submittedAt: string
  readonly finishedAt: string
  readonly reason: string | null
  /** Null where no plan could be made. */
  readonly plan: Plan | null
  /** Null before anything was applied. */
  readonly outcome: Outcome | null
  readonly failures: FailureCounts
  readonly ingestJobs: readonly IngestJobLine[]
  /** Those that have rows, compared with plan and outcome before the request ended. */
  readonly files: readonly ResultFile[]
  /** Name of the key of whoever submitted it; null where it came by a door without keys. */
  readonly submittedBy: string | null
  /** Who let its parked plan go ahead; null where nobody had to. */
  readonly approvedBy: SignedAct | null
  /** Who cancelled it or turned its plan down; null where nobody did. */
  readonly cancelledBy: SignedAct | null
  readonly error: ReceiptError | null
}
