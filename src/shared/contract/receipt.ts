import { z } from 'zod'

/** The account of a request: what the plan found, what became of every id, and the receipt. */

export const count = z.int().min(0)
export const digest = z.string().regex(/^[0-9a-f]{64}$/)

export const planSchema = z.object({
  read: count,
  accepted: count,
  invalid: count,
  duplicate: count,
  /** Accepted ids that came with 15 characters, so that no checksum vouches for their case. */
  unchecked: count,
  /** Ingest jobs that the plan takes: ids that travel together. */
  chunks: count,
  /** Hex digest over the accepted 15-byte ids in ascending order, each with LF. */
  sha256: digest,
})
/** What reading the source found. `read` = `accepted` + `invalid` + `duplicate`. */
export type Plan = Readonly<z.output<typeof planSchema>>

/** The four verdicts an accepted id can get; each gets one. */
export const VERDICTS = ['deleted', 'alreadyGone', 'failed', 'unprocessed'] as const
export type Verdict = (typeof VERDICTS)[number]

export const outcomeSchema = z.object({
  deleted: count,
  alreadyGone: count,
  failed: count,
  unprocessed: count,
} satisfies Record<Verdict, z.ZodType>)
/** Verdicts of a chunk or a request, counted. */
export type Outcome = Readonly<z.output<typeof outcomeSchema>>

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
type FailureCounts = Readonly<Record<string, number>>

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
export const jobLineSchema = z.object({
  id: z.string(),
  state: z.string(),
  records: count,
  attempt: z.int().min(1),
})

export const resultFileSchema = z.object({
  name: z.string(),
  /** Below its header. */
  rows: count,
  bytes: count,
  /** Hex digest of the whole file. */
  sha256: digest,
})
/** A result file as it was written: what it must be as long as it lies there. */
export type ResultFile = Readonly<z.output<typeof resultFileSchema>>

export const receiptErrorSchema = z.object({ code: z.string(), message: z.string() })
/** Why a request was refused, cancelled or failed; or what its result files lack. */
export type ReceiptError = Readonly<z.output<typeof receiptErrorSchema>>

export const signedActSchema = z.object({
  /** Name of the HTTP key, `cli`, or what a program calls itself. */
  actor: z.string(),
  /** RFC 3339, by the clock of Redis. */
  at: z.string(),
  reason: z.string().nullable(),
})
/** Who did something to a request that is not undone, and why. */
export type SignedAct = Readonly<z.output<typeof signedActSchema>>
/** Who is doing it. */
export type Signature = Pick<SignedAct, 'actor' | 'reason'>

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

export const receiptSchema = z.object({
  id: z.string(),
  org: z.string(),
  orgId: z.string().nullable(),
  object: z.string(),
  operation: z.string(),
  status: z.enum(TERMINAL_STATUSES),
  submittedAt: z.string(),
  finishedAt: z.string(),
  reason: z.string().nullable(),
  /** Null where no plan could be made. */
  plan: planSchema.nullable(),
  /** Null before anything was applied. */
  outcome: outcomeSchema.nullable(),
  failures: z.record(z.string(), count),
  ingestJobs: z.array(jobLineSchema).readonly(),
  /** Those that have rows, compared with plan and outcome before the request ended. */
  files: z.array(resultFileSchema).readonly(),
  // Receipts of before have none of these.
  /** Name of the key of whoever submitted it; null where it came by a door without keys. */
  submittedBy: z.string().nullable().default(null),
  /** Who let its parked plan go ahead; null where nobody had to. */
  approvedBy: signedActSchema.nullable().default(null),
  /** Who cancelled it or turned its plan down; null where nobody did. */
  cancelledBy: signedActSchema.nullable().default(null),
  error: receiptErrorSchema.nullable(),
})
/** The final account of a request, as `receipt.json` and `--json` show it. */
export type Receipt = Readonly<z.output<typeof receiptSchema>>
