import { z } from 'zod'
import { type CallerLimits, callerLimitsSchema } from '../../contract/caller-limits.ts'
import { type GuardRails, parseGuardRails } from '../../contract/guard-rails.ts'
import { type Preflight, preflightSchema } from '../../contract/preflight.ts'
import {
  count,
  digest,
  type Plan,
  planSchema,
  type Receipt,
  type ReceiptError,
  type ResultFile,
  receiptErrorSchema,
  receiptSchema,
  resultFileSchema,
  type SignedAct,
} from '../../contract/receipt.ts'
import type { StoredRequest } from '../../contract/request.ts'
import { parseStoredRequest } from '../../contract/request-json.ts'
import type { SourceContent } from '../../contract/sources/read-file.ts'
import { LIVE_STATUSES, TERMINAL_STATUSES } from '../../contract/status.ts'
import { parseOptional } from './chunk.ts'
import { parseSignedAct } from './signed.ts'

/**
 * What the ledger stores about requests. Everything read from Redis is validated. Unknown fields of
 * a newer version are ignored, so that two versions can run side by side.
 */

const stagedPartSchema = z.object({
  /** Which list of the source. */
  at: z.string(),
  /** Number of its list in the lot. */
  list: count,
  bytes: count,
  sha256: digest,
})
export type StagedPart = Readonly<z.output<typeof stagedPartSchema>>

const stagedSchema = z.object({
  /** Identifies the lot of frames in staging, or at least this submission. */
  lot: z.string(),
  /** Whether the bytes are a single frame in the request's own record. */
  inRecord: z.boolean().default(false),
  bytes: count,
  /** Hex digest over the uncompressed bytes: part of what makes two requests the same. */
  sha256: digest,
  /** The lists of a union, or of a source with `except`, that are staged; absent for others. */
  parts: z.array(stagedPartSchema).readonly().optional(),
})
/** Bytes of a request's source that wait in Redis until it is planned. */
export type Staged = Readonly<z.output<typeof stagedSchema>>

/** The lot stored beside the request's record, which must be dropped separately. */
export function lotBeside(staged: Staged | null): string | null {
  return staged === null || staged.inRecord ? null : staged.lot
}

/** The staged plan of a dry run, kept so that it can be applied. */
const keptSchema = z.object({
  /** Milliseconds since the epoch. */
  until: count,
  /** One more than the number of the last list of the lot. */
  lists: count,
})
export type KeptPlan = Readonly<z.output<typeof keptSchema>>

/** The kept plan that a request applies instead of reading its source. */
const takesSchema = keptSchema.pick({ lists: true }).extend({
  /** Id of the dry run. */
  request: z.string(),
  lot: z.string(),
  plan: planSchema,
})
export type TakenPlan = Readonly<z.output<typeof takesSchema>>

export const contentSchema: z.ZodType<SourceContent> = z.object({ bytes: count, sha256: digest })
/** What pulled the brake: `bad` of `rows`, the canary's or all with a verdict, were not deleted. */
const brakeSchema = z.object({ by: z.enum(['canary', 'ratio']), bad: count, rows: count })
type Brake = Readonly<z.output<typeof brakeSchema>>

const statusSchema = z.enum([...LIVE_STATUSES, ...TERMINAL_STATUSES])

/** One request as stored in the ledger. Times are milliseconds since the epoch. */
export interface RequestRecord {
  readonly request: StoredRequest
  readonly bodyHash: string
  readonly status: z.output<typeof statusSchema>
  readonly submittedAt: number
  /** Name of the submitter's key; null if the request arrived by a way without keys. */
  readonly submittedBy: string | null
  /** Who approved the parked plan; null if no approval was needed. */
  readonly approvedBy: SignedAct | null
  /** Who cancelled it or turned its plan down; null if nobody did. */
  readonly cancelledBy: SignedAct | null
  /** Who changed its priority last; null if nobody did. */
  readonly prioritizedBy: SignedAct | null
  /** The caller's limits at that time; null if there were none. */
  readonly limits: CallerLimits | null
  /** The org's guard rails when it was accepted; null if it had none yet. */
  readonly guards: GuardRails | null
  readonly staged: Staged | null
  /** Why it is refused, if that was known on arrival: it then ends without a plan. Usually null. */
  readonly refusal: ReceiptError | null
  /** The bytes of a file when its plan was made; null before that, and for other sources. */
  readonly content: SourceContent | null
  /** The lot of the current planning attempt; null before the first. */
  readonly lot: string | null
  readonly plan: Plan | null
  /** About how many records of the object the org had when it was planned; null if unknown. */
  readonly objectRecords: number | null
  /** Whether its records were in use when it was planned; null if the org did not tell. */
  readonly preflight: Preflight | null
  /** Where the plan of a dry run is kept; null if it is not. */
  readonly kept: KeptPlan | null
  /** Id of the request that applied the kept plan; null if none did. */
  readonly appliedAs: string | null
  /** The plan of a dry run that it applies; null if it reads its source. */
  readonly takes: TakenPlan | null
  /** The part of `invalid.csv` that the plan wrote; null if it refused no row. */
  readonly invalid: ResultFile | null
  /** When the plan was recorded; null before. */
  readonly plannedAt: number | null
  /** Ids of the plan's first chunk while it is a canary that holds back the others; otherwise 0. */
  readonly canary: number
  /** Null if the brake was not pulled. */
  readonly brake: Brake | null
  readonly receipt: Receipt | null
}

/** Whether it ended before any of its plan was sent. */
export const endedUnsent = ({ receipt }: Pick<RequestRecord, 'receipt'>): boolean =>
  receipt !== null && receipt.outcome === null

/** The fields of a record's hash that describe its request, without its ids. */
export const RECORD_FIELDS = [
  'request',
  'bodyHash',
  'status',
  'submittedAt',
  'submittedBy',
  'approvedBy',
  'cancelledBy',
  'prioritizedBy',
  'limits',
  'guards',
  'staged',
  'refusal',
  'content',
  'lot',
  'plan',
  'objectRecords',
  'preflight',
  'kept',
  'appliedAs',
  'takes',
  'invalid',
  'plannedAt',
  'canary',
  'brake',
  'receipt',
] as const
type RecordFields = Readonly<Partial<Record<(typeof RECORD_FIELDS)[number], string>>>

export function parseRecord(fields: RecordFields): RequestRecord {
  return {
    request: parseStoredRequest(fields.request ?? ''),
    bodyHash: digest.parse(fields.bodyHash),
    status: statusSchema.parse(fields.status),
    submittedAt: z.coerce.number().int().parse(fields.submittedAt),
    submittedBy: fields.submittedBy ?? null,
    approvedBy: parseSignedAct(fields.approvedBy),
    cancelledBy: parseSignedAct(fields.cancelledBy),
    prioritizedBy: parseSignedAct(fields.prioritizedBy),
    limits: parseOptional(callerLimitsSchema, fields.limits),
    guards: fields.guards ? parseGuardRails(fields.guards) : null,
    staged: parseOptional(stagedSchema, fields.staged),
    refusal: parseOptional(receiptErrorSchema, fields.refusal),
    content: parseOptional(contentSchema, fields.content),
    lot: fields.lot ?? null,
    plan: parseOptional(planSchema, fields.plan),
    objectRecords: fields.objectRecords === undefined ? null : Number(fields.objectRecords),
    preflight: parseOptional(preflightSchema, fields.preflight),
    kept: parseOptional(keptSchema, fields.kept),
    appliedAs: fields.appliedAs ?? null,
    takes: parseOptional(takesSchema, fields.takes),
    invalid: parseOptional(resultFileSchema, fields.invalid),
    plannedAt: fields.plannedAt === undefined ? null : Number(fields.plannedAt) * 1000,
    canary: Number(fields.canary ?? 0),
    brake: parseOptional(brakeSchema, fields.brake),
    receipt: parseOptional(receiptSchema, fields.receipt),
  }
}
