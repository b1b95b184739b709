import { z } from 'zod'
import {
  count,
  digest,
  jobLineSchema,
  outcomeSchema,
  receiptErrorSchema,
  resultFileSchema,
} from '../../contract/receipt.ts'
import { OPERATIONS, PRIORITIES } from '../../contract/request.ts'

/**
 * What the ledger holds of chunks and ingest orders, parsed: nothing that comes out of Redis is believed
 * unread. Fields that a newer version has added are passed over, so that two versions work side by side.
 */

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

export function parseOptional<T>(schema: z.ZodType<T>, json: string | null | undefined): T | null {
  return json === undefined || json === null || json === '' ? null : schema.parse(JSON.parse(json))
}
