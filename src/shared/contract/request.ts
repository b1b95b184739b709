import { randomInt } from 'node:crypto'
import { z } from 'zod'
import { labelsSchema } from './labels.ts'
import { OBJECT_NAME, OBJECT_NAME_FORM } from './objects.ts'
import { DEFAULT_ORG, ORG_NAME } from './org-name.ts'
import { boundedText, portable } from './portable-schema.ts'
import { digest } from './receipt.ts'
import { invalidRequest } from './request-problems.ts'
import { limitedSourceSchema, listsOf, pathOfList, toStoredSource } from './sources/lists.ts'
import { kindOf, storedSourceSchema } from './sources/sources.ts'

/**
 * The deletion request. Its fields are a published contract. Unknown fields are refused, because a
 * misspelled guard rail must not count as none.
 */

/** Unique in its org, compared without case: it names a folder, and file systems may ignore case. */
export const REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/

/**
 * Most bytes of a request as JSON. 10,000 quoted ids of 18 characters, each on its own line indented by
 * 16 spaces, take 380 kB. All other fields at their longest, every character escaped, take about 75 kB.
 */
export const REQUEST_BYTES = 512 * 1024

/** Share of failed ids above which a request is stopped. */
const DEFAULT_FAILURE_RATIO = 0.5

export const PRIORITIES = ['high', 'normal', 'low'] as const
export type Priority = (typeof PRIORITIES)[number]

export const OPERATIONS = ['delete', 'hardDelete'] as const
export type Operation = (typeof OPERATIONS)[number]

const OBJECT_DESCRIPTION = 'API name of the object, as in Contact.'

const requestId = z
  .string()
  .regex(
    REQUEST_ID,
    'expected 1 to 128 letters, digits, "_", "." or "-", the first a letter or digit',
  )

const bodyShape = {
  id: requestId.describe(
    'Idempotency key, unique in its org, compared without case; generated where absent. The same id with the same body gives the existing request, with another body a conflict.',
  ),
  org: z.string().regex(ORG_NAME).default(DEFAULT_ORG).describe('The Salesforce org, by its name.'),
  object: z
    .string()
    .regex(OBJECT_NAME, `expected ${OBJECT_NAME_FORM}`)
    .describe(OBJECT_DESCRIPTION),
  operation: z
    .enum(OPERATIONS)
    .default('delete')
    .describe(
      'hardDelete bypasses the Recycle Bin. It must be allowed by the configuration of the org.',
    ),
  priority: z.enum(PRIORITIES).default('normal').describe('Order among waiting requests.'),
  onInvalid: z
    .enum(['refuse', 'skip'])
    .default('refuse')
    .describe(
      'Rows without a valid id: refuse the request before anything is deleted, or skip and report them.',
    ),
  onUnchecked: z
    .enum(['refuse', 'accept'])
    .default('refuse')
    .describe(
      '15-character ids, which have no checksum: refuse the request before anything is deleted, or accept them. Lists whose letters look changed in case are refused either way.',
    ),
  maxRecords: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe('Refuses a source with more records. May only lower the limit of the org.'),
  maxFailureRatio: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .default(DEFAULT_FAILURE_RATIO)
    .describe(
      'Where the share of failures is above this beyond chance, nothing more is sent and what runs is aborted; null never stops.',
    ),
  expectCount: z
    .int()
    .min(0)
    .nullable()
    .default(null)
    .describe('Refuses a plan that accepts another number of records.'),
  expectSha256: digest
    .nullable()
    .default(null)
    .describe('Refuses a plan with another sha256: that of a dry run, or of a list known before.'),
  refuseActive: z
    .boolean()
    .default(false)
    .describe(
      'Refuses a plan with active records: segments that are not inactive, flows with an active version or at work, campaigns with such flows. Every record is looked up, with one API call for 400.',
    ),
  dryRun: z.boolean().default(false).describe('Makes the plan and deletes nothing.'),
  deletedFile: z
    .boolean()
    .default(false)
    .describe(
      'Lists every deleted id in deleted.csv. Where the org lists them anyway, false changes nothing.',
    ),
  approval: z
    .enum(['auto', 'required'])
    .default('auto')
    .describe('required: the plan waits until somebody approves it.'),
  coalesce: z
    .boolean()
    .default(true)
    .describe('Whether a small request may share an ingest job with others.'),
  deadline: z.iso
    .datetime({ offset: true })
    .nullable()
    .default(null)
    .describe('Cancels what is not deleted by then.'),
  reason: boundedText(1000).nullable().default(null).describe('Kept in receipt and audit log.'),
  labels: labelsSchema
    .default({})
    .describe(
      'Texts of your own by which requests can be listed; without personal data, because receipts keep them. Requests without an API key take turns by the label `caller`.',
    ),
  retryOf: requestId
    .nullable()
    .default(null)
    .describe('Id of the ended request whose failed or unprocessed rows it contains.'),
  callbackUrl: z
    .url({ protocol: /^https?$/, error: 'expected a URL with http or https' })
    .max(2048)
    .nullable()
    .default(null)
    .describe('URL to which changes of status are sent.'),
}

const callerSchema = z
  .strictObject({ ...bodyShape, id: bodyShape.id.optional(), source: limitedSourceSchema })
  .superRefine(({ object, source }, context) => {
    for (const { at, list } of listsOf(source)) {
      const message = kindOf(list).mismatch?.(list, object) ?? null
      if (message === null) continue
      context.addIssue({ code: 'custom', path: ['source', ...pathOfList(at)], message })
    }
  })

/** The request in the ledger. Its source holds no ids: those of a list are staged. */
export const storedSchema = z.object({
  ...bodyShape,
  // Without the pattern, so that requests accepted by older versions can still be read.
  object: z.string().describe(OBJECT_DESCRIPTION),
  source: storedSourceSchema,
})

/** A request as callers write it. Everything but `object` and `source` has a default. */
export type DeletionRequestInput = z.input<typeof callerSchema>
/** A parsed request: defaults filled in, id given or generated. */
export type DeletionRequest = z.output<typeof callerSchema> & { readonly id: string }
/** A request as the ledger keeps it. */
export type StoredRequest = z.output<typeof storedSchema>

/**
 * Parses a caller's request.
 *
 * @throws InvalidRequestError naming every wrong field at once.
 */
export function parseRequest(input: unknown, now: number): DeletionRequest {
  const parsed = callerSchema.safeParse(input)
  if (!parsed.success) throw invalidRequest(parsed.error)
  return { ...parsed.data, id: parsed.data.id ?? generateId(now) }
}

/** @throws RefusedError `INVALID_REQUEST` */
export function parsePriority(input: unknown): Priority {
  const parsed = z.object({ priority: bodyShape.priority }).safeParse({ priority: input })
  if (!parsed.success) throw invalidRequest(parsed.error)
  return parsed.data.priority
}

function generateId(now: number): string {
  return stampedId(now, Array.from({ length: 6 }, () => randomInt(36).toString(36)).join(''))
}

/** An id that sorts by time, without upper case, so that it can be read out over the telephone. */
export function stampedId(at: number, tail: string): string {
  const stamp = new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  return `${stamp}-${tail}`
}

/** The request as JSON Schema (draft 2020-12), for callers in other languages. */
export function requestJsonSchema(): Record<string, unknown> {
  return {
    title: 'Deletion request',
    ...z.toJSONSchema(callerSchema, {
      io: 'input',
      override: ({ jsonSchema }) => portable(jsonSchema),
    }),
  }
}

/**
 * A request that was made from another one, with fields of a caller.
 *
 * @throws InvalidRequestError naming every wrong field at once
 */
export function parseDerived(request: StoredRequest): StoredRequest {
  const parsed = storedSchema.safeParse(request)
  if (!parsed.success) throw invalidRequest(parsed.error)
  return parsed.data
}

/** The request without its ids, as the ledger keeps it and as people may see it. */
export function toStored(request: DeletionRequest): StoredRequest {
  return { ...request, source: toStoredSource(request.source) }
}
