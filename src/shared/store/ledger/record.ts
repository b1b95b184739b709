import { z } from 'zod'
import { type CallerLimits, callerLimitsSchema } from '../../contract/caller-limits.ts'
import { type GuardRails, guardRailsSchema } from '../../contract/guard-rails.ts'
import {
  type IngestJobLine,
  LIVE_STATUSES,
  type Outcome,
  type Plan,
  type Receipt,
  type ReceiptError,
  type ResultFile,
  TERMINAL_STATUSES,
} from '../../contract/receipt.ts'
import {
  OPERATIONS,
  PRIORITIES,
  parseStoredRequest,
  type StoredRequest,
} from '../../contract/request.ts'
import { type SignedAct, signedActSchema } from '../../contract/signed-act.ts'
import type { SourceContent } from '../../contract/sources/read-file.ts'
import { parseSignedAct } from './signed.ts'

/**
 * What the ledger holds, parsed: nothing that comes out of Redis is believed unread. Fields that a
 * newer version has added are passed over, so that two versions work side by side.
 */

const count = z.int().min(0)
const digest = z.string().regex(/^[0-9a-f]{64}$/)

/** Ids of one request that travel together, and how to know that none was lost on the way. */
const chunkRefSchema = z.object({
  request: z.string(),
  /** Names the planning attempt (or resend) that staged the frames. */
  lot: z.string(),
  chunk: count,
  attempt: z.int().min(1),
  count,
  /** Over the canonical ids in the order of the chunk. */
  sha256: digest,
  /** Attempts among those made that were no fault of the rows: they spend none. */
  excused: count.optional(),
  /**
   * An earlier ingest job may have deleted these ids without our learning it: what is gone now was
   * deleted by us.
   */
  doubt: z.boolean().optional(),
})
export type ChunkRef = Readonly<z.output<typeof chunkRefSchema>>

/** What one ingest job carries: chunks of one or more requests, all of one object and operation. */
const ingestOrderSchema = z.object({
  order: z.string(),
  object: z.string(),
  operation: z.enum(OPERATIONS),
  priority: z.enum(PRIORITIES),
  chunks: z.array(chunkRefSchema).min(1),
})
export type IngestOrder = Readonly<z.output<typeof ingestOrderSchema>>

/**
 * One ingest job for chunks of one request, mostly for a single one. The order is named after the
 * first, so ordering it again is harmless.
 */
export function orderFor(
  chunks: readonly [ChunkRef, ...ChunkRef[]],
  { object, operation, priority }: Pick<IngestOrder, 'object' | 'operation' | 'priority'>,
): IngestOrder {
  const [first] = chunks
  const order = `${first.request.toLowerCase()}.${chunkField(first)}`
  return { order, object, operation, priority, chunks: [...chunks] }
}

export const outcomeSchema: z.ZodType<Outcome> = z.object({
  deleted: count,
  alreadyGone: count,
  failed: count,
  unprocessed: count,
})
const jobLineSchema: z.ZodType<IngestJobLine> = z.object({
  id: z.string(),
  state: z.string(),
  records: count,
  attempt: z.int().min(1),
})
const resultFileSchema: z.ZodType<ResultFile> = z.object({
  name: z.string(),
  rows: count,
  bytes: count,
  sha256: digest,
})
const receiptErrorSchema: z.ZodType<ReceiptError> = z.object({
  code: z.string(),
  message: z.string(),
})

/** What became of one chunk: the sum of its verdicts, and where it travelled. */
const chunkOutcomeSchema = z.object({
  outcome: outcomeSchema,
  failures: z.record(z.string(), count),
  /** Null where no ingest job ever took the chunk. */
  job: jobLineSchema.nullable(),
  /** Why the chunk could not be sent at all. */
  error: receiptErrorSchema.nullable(),
  /** The ids that have no verdict yet: they go again, staged in this lot. */
  resent: z.object({ lot: z.string(), count }).optional(),
  /**
   * Its parts of the result files, as they were written, and what listing its rows again takes.
   * Absent where no row is to be listed.
   */
  listed: z
    .object({
      lot: z.string(),
      doubt: z.boolean().optional(),
      failed: resultFileSchema.optional(),
      unprocessed: resultFileSchema.optional(),
      deleted: resultFileSchema.optional(),
    })
    .optional(),
})
export type ChunkOutcome = Readonly<z.output<typeof chunkOutcomeSchema>>
export type ChunkListing = NonNullable<ChunkOutcome['listed']>

export const planSchema: z.ZodType<Plan> = z.object({
  read: count,
  accepted: count,
  invalid: count,
  duplicate: count,
  unchecked: count,
  chunks: count,
  sha256: digest,
})
const stagedSchema = z.object({
  /** Names the lot of frames in staging, or at least this submission. */
  lot: z.string(),
  /** Whether they are one frame, and that is in the request's own record. */
  inRecord: z.boolean().default(false),
  bytes: count,
  /** Hex digest over the uncompressed bytes: part of what makes two requests the same. */
  sha256: digest,
})
/** Ids and bytes of a request that wait in Redis until its plan is made. */
export type Staged = Readonly<z.output<typeof stagedSchema>>

/** The lot that lies beside the request's record, and has to be dropped by itself. */
export function lotBeside(staged: Staged | null): string | null {
  return staged === null || staged.inRecord ? null : staged.lot
}
export const contentSchema: z.ZodType<SourceContent> = z.object({ bytes: count, sha256: digest })
export const receiptSchema: z.ZodType<Receipt> = z.object({
  id: z.string(),
  org: z.string(),
  orgId: z.string().nullable(),
  object: z.string(),
  operation: z.string(),
  status: z.enum(TERMINAL_STATUSES),
  submittedAt: z.string(),
  finishedAt: z.string(),
  reason: z.string().nullable(),
  plan: planSchema.nullable(),
  outcome: outcomeSchema.nullable(),
  failures: z.record(z.string(), count),
  ingestJobs: z.array(jobLineSchema),
  files: z.array(resultFileSchema),
  // Receipts of before have none of these.
  submittedBy: z.string().nullable().default(null),
  approvedBy: signedActSchema.nullable().default(null),
  cancelledBy: signedActSchema.nullable().default(null),
  error: receiptErrorSchema.nullable(),
})

/** What pulled the brake: `bad` of `rows`, the canary's or all that had a verdict, were not deleted. */
const brakeSchema = z.object({ by: z.enum(['canary', 'ratio']), bad: count, rows: count })
type Brake = Readonly<z.output<typeof brakeSchema>>

const statusSchema = z.enum([...LIVE_STATUSES, ...TERMINAL_STATUSES])

/** One request as the ledger knows it. Times are milliseconds since the epoch. */
export interface RequestRecord {
  readonly request: StoredRequest
  readonly bodyHash: string
  readonly status: z.output<typeof statusSchema>
  readonly submittedAt: number
  /** Name of the key of whoever submitted it; null where it came by a door without keys. */
  readonly submittedBy: string | null
  /** Who let the parked plan go ahead; null where nobody had to. */
  readonly approvedBy: SignedAct | null
  /** Who cancelled it or turned its plan down; null where nobody did. */
  readonly cancelledBy: SignedAct | null
  /** What held that caller then; null where nothing did. */
  readonly limits: CallerLimits | null
  /** What the org's guard rails were when it was accepted; null where it had none yet. */
  readonly guards: GuardRails | null
  readonly staged: Staged | null
  /** Why it is refused, where that was known as it came in: it ends without a plan. Mostly null. */
  readonly refusal: ReceiptError | null
  /** Which bytes a file held when its plan was made; null before, and of other sources. */
  readonly content: SourceContent | null
  /** The lot of the planning attempt that counts, null before the first. */
  readonly lot: string | null
  readonly plan: Plan | null
  /** The part of `invalid.csv` that the plan wrote; null where it refused no row. */
  readonly invalid: ResultFile | null
  /** When the plan was recorded, null before. */
  readonly plannedAt: number | null
  /** Ids of the plan's first chunk while it goes alone and holds back the others; 0 where nothing does. */
  readonly canary: number
  /** Null where the brake was not pulled. */
  readonly brake: Brake | null
  readonly receipt: Receipt | null
}

/** The fields of a record's hash that say how its request stands; its ids are none of them. */
export const RECORD_FIELDS = [
  'request',
  'bodyHash',
  'status',
  'submittedAt',
  'submittedBy',
  'approvedBy',
  'cancelledBy',
  'limits',
  'guards',
  'staged',
  'refusal',
  'content',
  'lot',
  'plan',
  'invalid',
  'plannedAt',
  'canary',
  'brake',
  'receipt',
] as const
export type RecordFields = Readonly<Partial<Record<(typeof RECORD_FIELDS)[number], string>>>

export function parseRecord(fields: RecordFields): RequestRecord {
  return {
    request: parseStoredRequest(fields.request ?? ''),
    bodyHash: digest.parse(fields.bodyHash),
    status: statusSchema.parse(fields.status),
    submittedAt: z.coerce.number().int().parse(fields.submittedAt),
    submittedBy: fields.submittedBy ?? null,
    approvedBy: parseSignedAct(fields.approvedBy),
    cancelledBy: parseSignedAct(fields.cancelledBy),
    limits: parseOptional(callerLimitsSchema, fields.limits),
    guards: parseOptional(guardRailsSchema, fields.guards),
    staged: parseOptional(stagedSchema, fields.staged),
    refusal: parseOptional(receiptErrorSchema, fields.refusal),
    content: parseOptional(contentSchema, fields.content),
    lot: fields.lot ?? null,
    plan: parseOptional(planSchema, fields.plan),
    invalid: parseOptional(resultFileSchema, fields.invalid),
    plannedAt: fields.plannedAt === undefined ? null : Number(fields.plannedAt) * 1000,
    canary: Number(fields.canary ?? 0),
    brake: parseOptional(brakeSchema, fields.brake),
    receipt: parseOptional(receiptSchema, fields.receipt),
  }
}

/** How far Salesforce is with an ingest job that runs now; its counters include failures. */
const progressSchema = z.object({ processed: count, failed: count })
export type Progress = Readonly<z.output<typeof progressSchema>>

export const parseIngestOrder = (json: string): IngestOrder =>
  ingestOrderSchema.parse(JSON.parse(json))
export const parseChunkOutcome = (json: string): ChunkOutcome =>
  chunkOutcomeSchema.parse(JSON.parse(json))
export const parseProgress = (json: string | null | undefined): Progress =>
  parseOptional(progressSchema, json) ?? { processed: 0, failed: 0 }

/** Names a chunk within its request, in `open:<id>` and `ledger:<id>`. */
export function chunkField({ chunk, attempt }: Pick<ChunkRef, 'chunk' | 'attempt'>): string {
  return `${chunk}.${attempt}`
}

function parseOptional<T>(schema: z.ZodType<T>, json: string | null | undefined): T | null {
  return json === undefined || json === null || json === '' ? null : schema.parse(JSON.parse(json))
}
