import { z } from 'zod'
import { labelsSchema } from './labels.ts'
import { preflightSchema } from './preflight.ts'
import { TERMINAL_STATUSES } from './status.ts'

/** The account of a request: its plan, the verdicts on its ids, and the receipt. */

export const count = z.int().min(0)
export const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits in lower case')

export const planSchema = z.object({
  read: count,
  accepted: count,
  invalid: count,
  duplicate: count,
  /** Rows whose ids a list in `except` has; absent for sources without one. */
  excluded: count.optional(),
  /** Accepted ids of 15 characters, which have no checksum for the case of their letters. */
  unchecked: count,
  /** Number of chunks, each sent in one ingest job. */
  chunks: count,
  /** Hex SHA-256 over the accepted 15-byte ids in ascending order, each followed by LF. */
  sha256: digest,
})
/** What the planner found. `read` = `accepted` + `invalid` + `duplicate` + `excluded`. */
export type Plan = Readonly<z.output<typeof planSchema>>

/** The verdicts. Each accepted id gets exactly one. */
export const VERDICTS = ['deleted', 'alreadyGone', 'failed', 'unprocessed'] as const
export type Verdict = (typeof VERDICTS)[number]

export const outcomeSchema = z.object({
  deleted: count,
  alreadyGone: count,
  failed: count,
  unprocessed: count,
} satisfies Record<Verdict, z.ZodType>)
/** Counts of the verdicts of a chunk or a request. */
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

/** Failed rows by failure code. */
type FailureCounts = Readonly<Record<string, number>>

/** The code of rows whose error names none, and of further codes once there are too many. */
export const UNKNOWN_ERROR = 'UNKNOWN_ERROR'

/** Most codes in one account: codes come from Salesforce, and a receipt must stay readable. */
const MOST_CODES = 100

/** The code to count a failure under, given those already counted. */
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

/** An ingest job in a receipt; `records` counts those of this request in it. */
export const jobLineSchema = z.object({
  id: z.string(),
  state: z.string(),
  records: count,
  attempt: z.int().min(1),
})

export const resultFileSchema = z.object({
  name: z.string(),
  /** Without the header. */
  rows: count,
  bytes: count,
  /** Hex SHA-256 of the whole file. */
  sha256: digest,
})
/** A result file as it was written, and as it must remain. */
export type ResultFile = Readonly<z.output<typeof resultFileSchema>>

const remedySchema = z.object({
  to: z.string().describe('What it achieves.'),
  field: z.string().describe('Field of the deletion request, or of its source.'),
  value: z.string().nullable().describe('What to set it to; null if you choose it.'),
})
export const receiptErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  remedies: z
    .array(remedySchema)
    .readonly()
    .optional()
    .describe('Fields that would let the same request pass under another id.'),
})
/** Why a request was refused, cancelled or failed, or what is missing from its result files. */
export type ReceiptError = Readonly<z.output<typeof receiptErrorSchema>>

export const signedActSchema = z.object({
  /** Name of the API key, `alice@host` on the command line, or the name a program gives itself. */
  actor: z.string(),
  /** RFC 3339, by Redis's clock. */
  at: z.string(),
  reason: z.string().nullable(),
})
/** Who acted on a request, when and why. */
export type SignedAct = Readonly<z.output<typeof signedActSchema>>
/** Who acts, and why. */
export type Signature = Pick<SignedAct, 'actor' | 'reason'>

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
  /** Null if no plan could be made. */
  plan: planSchema.nullable(),
  /** Null if nothing was applied. */
  outcome: outcomeSchema.nullable(),
  failures: z.record(z.string(), count),
  ingestJobs: z.array(jobLineSchema).readonly(),
  /** Files with rows. Their rows were compared with plan and outcome before the request ended. */
  files: z.array(resultFileSchema).readonly(),
  // Receipts of earlier versions have none of these.
  /** Who submitted it: name of the API key, `alice@host`, `bullmq:<job id>`, or the library's caller. */
  submittedBy: z.string().nullable().default(null),
  /** Who approved its plan; null if no approval was needed. */
  approvedBy: signedActSchema.nullable().default(null),
  /** Who cancelled it or rejected its plan; null if nobody did. */
  cancelledBy: signedActSchema.nullable().default(null),
  /** Id of the dry run whose plan it applied; null if it read its source itself. */
  appliesPlanOf: z.string().nullable().default(null),
  /** Whether its records were in use when they were planned; null if the org was not asked or did not tell. */
  preflight: preflightSchema.nullable().default(null),
  /** Those of the request. */
  labels: labelsSchema.default({}),
  error: receiptErrorSchema.nullable(),
})
/** The final account of a request, as in `receipt.json` and `--json`. */
export type Receipt = Readonly<z.output<typeof receiptSchema>>
