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
 * What the ledger stores about chunks and ingest orders. Everything read from Redis is validated.
 * Unknown fields of a newer version are ignored, so that two versions can run side by side.
 */

/** Ids of one request that share an ingest job, with a count and digest to detect lost ones. */
const chunkRefSchema = z.object({
  request: z.string(),
  /** Identifies the planning attempt (or resend) that staged the frames. */
  lot: z.string(),
  chunk: count,
  attempt: z.int().min(1),
  count,
  /** Over the canonical ids in the order of the chunk. */
  sha256: digest,
  /** Attempts that do not count: the rows did not cause the failure, or enough got a verdict. */
  excused: count.optional(),
  /**
   * An earlier ingest job may have deleted these ids without our knowledge. An id that is gone now
   * counts as deleted by us.
   */
  doubt: z.boolean().optional(),
})
export type ChunkRef = Readonly<z.output<typeof chunkRefSchema>>

/**
 * Contents of one ingest job: chunks of one or more requests, all with the same object and
 * operation.
 */
export const ingestOrderSchema = z.object({
  order: z.string(),
  object: z.string(),
  operation: z.enum(OPERATIONS),
  priority: z.enum(PRIORITIES),
  chunks: z.array(chunkRefSchema).min(1),
  /** Distinct ids of the chunks, once they were read: several requests may ask for an id. */
  distinct: count.optional(),
  /** It never shares a job: one that it shared killed workers. */
  alone: z.literal(true).optional(),
})
export type IngestOrder = Readonly<z.output<typeof ingestOrderSchema>>

/**
 * One ingest job for chunks of one request, usually for a single one. The order is named after the
 * first chunk, so ordering it again is harmless.
 */
export function orderFor(
  chunks: readonly [ChunkRef, ...ChunkRef[]],
  { object, operation, priority }: Pick<IngestOrder, 'object' | 'operation' | 'priority'>,
): IngestOrder {
  const [first] = chunks
  const order = `${first.request.toLowerCase()}.${chunkField(first)}`
  return { order, object, operation, priority, chunks: [...chunks] }
}

/** The request whose first chunk names an order of `orderFor`. */
export function requestOf(order: string): ChunkRef['request'] {
  return order.split('.').slice(0, -2).join('.')
}

/** Number of rows in an ingest job. */
export function rowsOf({ chunks, distinct }: Pick<IngestOrder, 'chunks' | 'distinct'>): number {
  return distinct ?? chunks.reduce((sum, { count }) => sum + count, 0)
}

/** Whether an ingest job carries ids of several requests, which must not learn of each other. */
export function isShared({ chunks }: Pick<IngestOrder, 'chunks'>): boolean {
  return chunks.some(({ request }) => request !== chunks[0]?.request)
}

/** When and why rows are retried. */
const retrySchema = z.object({
  /** The attempt that follows, of five; excused ones are not counted. */
  attempt: z.int().min(1),
  /** The first row's code, or why the whole ingest job is repeated. */
  reason: z.string(),
  /** Milliseconds since the epoch. */
  at: z.number(),
})

/** The result of one chunk: the sum of its verdicts, and the job that carried it. */
const chunkOutcomeSchema = z.object({
  outcome: outcomeSchema,
  failures: z.record(z.string(), count),
  /** Null if no ingest job ever carried the chunk. */
  job: jobLineSchema.nullable(),
  /** Why the chunk could not be sent at all. */
  error: receiptErrorSchema.nullable(),
  /** The ids that have no verdict yet: they are retried, staged in this lot. */
  resent: z
    .object({
      lot: z.string(),
      count,
      /** Absent in outcomes of older versions. */
      retry: retrySchema.optional(),
    })
    .optional(),
  /**
   * Its parts of the result files, as written, and what is needed to list its rows again. Absent if
   * no row is listed.
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

/** Salesforce's progress with a running ingest job; the processed counter includes failures. */
const progressSchema = z.object({ processed: count, failed: count })
export type Progress = Readonly<z.output<typeof progressSchema>>

export const parseIngestOrder = (json: string): IngestOrder =>
  ingestOrderSchema.parse(JSON.parse(json))
export const parseChunkOutcome = (json: string): ChunkOutcome =>
  chunkOutcomeSchema.parse(JSON.parse(json))
export const parseProgress = (json: string | null | undefined): Progress =>
  parseOptional(progressSchema, json) ?? { processed: 0, failed: 0 }

/** Identifies a chunk within its request, in `open:<id>` and `ledger:<id>`. */
export function chunkField({ chunk, attempt }: Pick<ChunkRef, 'chunk' | 'attempt'>): string {
  return `${chunk}.${attempt}`
}

export function parseOptional<T>(schema: z.ZodType<T>, json: string | null | undefined): T | null {
  return json === undefined || json === null || json === '' ? null : schema.parse(JSON.parse(json))
}
