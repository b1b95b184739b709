import { hash, randomInt } from 'node:crypto'
import { z } from 'zod'
import { OBJECT_NAME, OBJECT_NAME_FORM } from './objects.ts'
import { boundedText, NO_CONTROLS_QUOTES_SEPARATORS, NO_NUL, portable } from './portable-schema.ts'
import { invalidRequest } from './request-problems.ts'

/**
 * The deletion request: what a caller asks for. Its fields are a published contract; unknown fields
 * are refused, because a mistyped guard rail must not pass as no guard rail.
 */

/** Unique in its org, compared without case: it names a folder, and folders may not know case. */
export const REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/

/** The org of whoever names none. */
export const DEFAULT_ORG = 'default'
export const ORG_NAME = /^[A-Za-z0-9_-]{1,64}$/

export const MAX_INLINE_IDS = 10_000

/**
 * Of a request as JSON. 10,000 ids of 18 characters, each in quotes on a line of its own behind 16
 * spaces, take 380 kB; all other fields at their longest, with every character escaped, some 60 kB.
 */
export const REQUEST_BYTES = 512 * 1024

/** Past this share of ids that were not deleted a request is going wrong; null never stops it. */
const DEFAULT_FAILURE_RATIO = 0.5

export const PRIORITIES = ['high', 'normal', 'low'] as const
export type Priority = (typeof PRIORITIES)[number]

export const OPERATIONS = ['delete', 'hardDelete'] as const
export type Operation = (typeof OPERATIONS)[number]

/** A row of a CSV of one column: what would need quotes cannot be a record id anyway. */
const inlineId = boundedText(255).regex(
  NO_CONTROLS_QUOTES_SEPARATORS,
  'expected a record id, got text with quotes, separators or control characters',
)

const column = boundedText(200, 1).optional()

/** No file system has a NUL in a name; Node would throw at the first look. */
const filePath = boundedText(4096, 1).regex(NO_NUL, 'expected a path without NUL')
const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits in lower case')
  .optional()
  .describe('SHA-256 of the bytes of the file. A file that holds others is not planned.')

const sourceSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ids'), ids: z.array(inlineId).max(MAX_INLINE_IDS).readonly() }),
  z.strictObject({ type: z.literal('upload'), column }),
  z.strictObject({ type: z.literal('file'), path: filePath, sha256, column }),
])

const OBJECT_DESCRIPTION = 'API name of the object, as in Contact.'

const bodyShape = {
  id: z
    .string()
    .regex(
      REQUEST_ID,
      'expected 1 to 128 letters, digits, "_", "." or "-", the first a letter or digit',
    )
    .describe(
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
      'hardDelete, past the Recycle Bin, only where the configuration of the org allows it.',
    ),
  priority: z.enum(PRIORITIES).default('normal').describe('Which requests go first.'),
  onInvalid: z
    .enum(['refuse', 'skip'])
    .default('refuse')
    .describe(
      'Rows that are no such ids: refuse the request before anything is deleted, or skip and report them.',
    ),
  onUnchecked: z
    .enum(['refuse', 'accept'])
    .default('refuse')
    .describe(
      'Ids of 15 characters, which carry no checksum: refuse the request before anything is deleted, or accept them. Lists whose letters look changed in case are refused either way.',
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
  dryRun: z.boolean().default(false).describe('Makes the plan and deletes nothing.'),
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
  callbackUrl: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .nullable()
    .default(null)
    .describe('Told of the receipt.'),
}

const callerSchema = z.strictObject({
  ...bodyShape,
  id: bodyShape.id.optional(),
  source: sourceSchema,
})

/** In the ledger no source holds ids: those of a list are staged beside the queue. */
export const storedSchema = z.object({
  ...bodyShape,
  // Kept readable, whatever an older version has taken in.
  object: z.string().describe(OBJECT_DESCRIPTION),
  source: z.discriminatedUnion('type', [
    z.object({ type: z.literal('ids') }),
    z.object({ type: z.literal('upload'), column }),
    z.object({ type: z.literal('file'), path: z.string(), sha256, column }),
  ]),
})

/** What a caller may write: everything but `object` and `source` has a default. */
export type DeletionRequestInput = z.input<typeof callerSchema>
/** A request as a caller's words were understood: defaults filled in, id given or generated. */
export type DeletionRequest = z.output<typeof callerSchema> & { readonly id: string }
/** A request as the ledger keeps it. */
export type StoredRequest = z.output<typeof storedSchema>

/** Ids and bytes of a request that wait in Redis until its plan is made. */
export interface Staged {
  /** Names the lot of frames in staging, or at least this submission. */
  readonly lot: string
  /** Whether they are one frame, and that is in the request's own record. */
  readonly inRecord: boolean
  readonly bytes: number
  /** Hex digest over the uncompressed bytes: part of what makes two requests the same. */
  readonly sha256: string
}

/** The lot that lies beside the request's record, and has to be dropped by itself. */
export function lotBeside(staged: Staged | null): string | null {
  return staged === null || staged.inRecord ? null : staged.lot
}

/**
 * Parses what a caller sent.
 *
 * @throws InvalidRequestError naming every wrong field at once.
 */
export function parseRequest(input: unknown, now: number): DeletionRequest {
  const parsed = callerSchema.safeParse(input)
  if (!parsed.success) throw invalidRequest(parsed.error)
  return { ...parsed.data, id: parsed.data.id ?? generateId(now) }
}

/** What a caller may write, as JSON Schema (draft 2020-12), for those who speak no TypeScript. */
export function requestJsonSchema(): Record<string, unknown> {
  return {
    title: 'Deletion request',
    ...z.toJSONSchema(callerSchema, {
      io: 'input',
      override: ({ jsonSchema }) => portable(jsonSchema),
    }),
  }
}

/** Parses a request that the ledger gave back. Throws where Redis holds something else. */
export function parseStoredRequest(json: string): StoredRequest {
  return storedSchema.parse(JSON.parse(json))
}

/** The request without its ids: what the ledger keeps and what people may see. */
export function toStored(request: DeletionRequest): StoredRequest {
  const { source, ...rest } = request
  return { ...rest, source: source.type === 'ids' ? { type: 'ids' } : source }
}

/**
 * Two requests with one id can only be the same where this digest is. The id itself stays out, for it
 * is compared without case; staged bytes enter by their digest. Fields at their default stay out too:
 * the digest must not change when a new version adds a field. So do path and bytes of a file: the path
 * says nothing of the ids, and who submits may not see the bytes. `differences` compares those.
 */
export function bodyHash(request: StoredRequest, staged: Staged | null): string {
  const { id: _id, source, ...rest } = request
  const body = { ...rest, source: withoutFile(source) }
  const said = Object.entries(body).filter(([field, value]) => DEFAULTS.get(field) !== value)
  const canonical = sortKeys({ ...Object.fromEntries(said), staged: staged?.sha256 ?? null })
  return hash('sha256', JSON.stringify(canonical))
}

function withoutFile(source: StoredRequest['source']): object {
  if (source.type !== 'file') return source
  const { path: _path, sha256: _sha256, ...said } = source
  return said
}

const DEFAULTS: ReadonlyMap<string, unknown> = new Map(
  Object.entries(
    callerSchema.parse({ object: 'Contact', source: { type: 'ids', ids: [] } }),
  ).filter(([field]) => field !== 'object' && field !== 'source'),
)

function generateId(now: number): string {
  return stampedId(now, Array.from({ length: 6 }, () => randomInt(36).toString(36)).join(''))
}

/** Readable, sortable by time and without case, so that it can be told over the telephone. */
export function stampedId(at: number, tail: string): string {
  const stamp = new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  return `${stamp}-${tail}`
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => [key, sortKeys(field)]),
  )
}
