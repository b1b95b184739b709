import { z } from 'zod'
import { type CallerLimits, callerLimitsSchema } from '../../contract/caller-limits.ts'
import { type GuardRails, parseGuardRails } from '../../contract/guard-rails.ts'
import {
  count,
  digest,
  LIVE_STATUSES,
  type Plan,
  planSchema,
  type Receipt,
  type ReceiptError,
  type ResultFile,
  receiptErrorSchema,
  receiptSchema,
  resultFileSchema,
  type SignedAct,
  TERMINAL_STATUSES,
} from '../../contract/receipt.ts'
import { parseStoredRequest, type StoredRequest } from '../../contract/request.ts'
import type { SourceContent } from '../../contract/sources/read-file.ts'
import { parseOptional } from './chunk.ts'
import { parseSignedAct } from './signed.ts'

/**
 * What the ledger holds, parsed: nothing that comes out of Redis is believed unread. Fields that a
 * newer version has added are passed over, so that two versions work side by side.
 */

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
    limits: parseOptional(callerLimitsSchema, fields.limits),
    guards: fields.guards ? parseGuardRails(fields.guards) : null,
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
