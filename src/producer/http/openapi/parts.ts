import { STATUS_CODES } from 'node:http'
import { z } from 'zod'
import { portable } from '../../../shared/contract/portable-schema.ts'
import { TERMINAL_STATUSES } from '../../../shared/contract/status.ts'

/** The parts of an operation's description: schemas, answers, problems, headers. */

/** Any JSON object of the document. */
export type Json = Record<string, unknown>

/**
 * Schemas with a name in the document, by which they are referenced everywhere. A schema is
 * registered where it is declared for parsing, so the documentation cannot differ from it.
 */
export const COMPONENTS = z.registry<{ id: string }>()

const uriOf = (id: string) => `#/components/schemas/${id}`

export const ref = (id: string) => ({ $ref: uriOf(id) })

export function componentSchemas(): Record<string, Json> {
  const { schemas } = z.toJSONSchema(COMPONENTS, { uri: uriOf, override: openEnded })
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, bare(schema)]))
}

export function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  return bare(z.toJSONSchema(schema, { io, override: ({ jsonSchema }) => portable(jsonSchema) }))
}

function bare({ $schema: _, $id: __, ...schema }: Json): Json {
  return schema
}

/** A later version may add fields to its answers; readers must not break on them. */
function openEnded({ jsonSchema }: { jsonSchema: Json }): void {
  portable(jsonSchema)
  if (jsonSchema['additionalProperties'] === false) delete jsonSchema['additionalProperties']
}

/** RFC 9457. */
export const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string().describe('What the status means.'),
    status: z.int(),
    code: z.string().describe('For machines: stable.'),
    detail: z.string().describe('For people: what was expected, what came, what to do next.'),
    errors: z
      .array(z.object({ field: z.string(), message: z.string() }))
      .readonly()
      .optional()
      .describe('Of a request whose fields are wrong: each of them.'),
    gone: z
      .object({
        status: z.enum(TERMINAL_STATUSES),
        finishedAt: z.iso.datetime(),
        sameContent: z
          .boolean()
          .nullable()
          .describe('Whether it had the content of the request that came now; null: not known.'),
      })
      .optional()
      .describe('Of a request whose record has expired: what is still known.'),
  })
  .register(COMPONENTS, { id: 'Problem' })

export type Problem = z.output<typeof problemSchema>

/** @param schema one of COMPONENTS */
export function json(description: string, schema: z.ZodType, example: unknown): Json {
  return { description, headers: ALWAYS, content: content('application/json', schema, example) }
}

export function csvContent(example: string): Json {
  return { 'text/csv': { schema: { type: 'string' }, example } }
}

function content(type: string, schema: z.ZodType, example: unknown): Json {
  const { id } = COMPONENTS.get(schema) ?? {}
  if (id === undefined) throw new TypeError('A schema that is answered needs a name in COMPONENTS.')
  return { [type]: { schema: ref(id), example } }
}

/** Statuses of every operation: for HTTP itself, the key, the fields, and the service. */
const COMMON = [400, 401, 403, 404, 422, 429, 431, 500, 503]
/** Additional statuses of operations with a body. */
const WITH_BODY = [408, 409, 415]

/** @param own additional statuses of the operation */
export function problems(own: readonly number[], hasBody: boolean): Record<number, Json> {
  const statuses = [...COMMON, ...(hasBody ? WITH_BODY : []), ...own]
  return Object.fromEntries(statuses.map((status) => [status, problem(status)]))
}

function problem(status: number): Json {
  const title = STATUS_CODES[status] ?? ''
  const example = { type: 'about:blank', title, status, ...EXAMPLES[status] }
  return {
    description: title,
    headers: { ...ALWAYS, ...HEADERS[status] },
    content: content('application/problem+json', problemSchema, example),
  }
}

/** One problem for each status that has problems. */
const EXAMPLES: Readonly<Record<number, object>> = {
  400: { code: 'MALFORMED_BODY', detail: 'Expected JSON, got text that is none at position 17.' },
  401: { code: 'KEY_MISSING', detail: 'Expected a key: Authorization: Bearer <key>.' },
  403: { code: 'ROLE_MISSING', detail: 'The key crm lacks the role "approve".' },
  404: { code: 'UNKNOWN_REQUEST', detail: 'Org "default" knows no request gdpr-2026-000123.' },
  405: { code: 'METHOD_NOT_ALLOWED', detail: 'Expected one of the methods GET, HEAD, POST.' },
  408: {
    code: 'TOO_SLOW',
    detail: 'The body came too slowly, or not at all. Nothing was accepted.',
  },
  409: {
    code: 'ID_TAKEN',
    detail: 'Request gdpr-2026-000123 exists in org default with other content.',
  },
  410: {
    code: 'ID_GONE',
    detail:
      'Request gdpr-2026-000123 of org default ended completed at 2026-11-23T09:15:42.000Z, and its record has expired. It had the same content. It is not run again. Use another id for a new request.',
    gone: { status: 'completed', finishedAt: '2026-11-23T09:15:42.000Z', sameContent: true },
  },
  413: { code: 'BODY_TOO_LARGE', detail: 'Expected at most 524288 bytes of JSON.' },
  415: {
    code: 'MEDIA_TYPE_NOT_SUPPORTED',
    detail:
      'Expected the header Content-Type: application/json, or text/csv where a CSV is uploaded.',
  },
  422: {
    code: 'INVALID_REQUEST',
    detail: '2 fields are wrong.',
    errors: [
      { field: 'maxRecords', message: 'Too small: expected number to be >=1' },
      { field: 'prioritty', message: 'unknown field' },
    ],
  },
  429: { code: 'RATE_LIMITED', detail: 'The key crm has used up its 600 calls a minute.' },
  431: {
    code: 'HEADERS_TOO_LARGE',
    detail: 'The header lines are larger than is taken here.',
  },
  500: { code: 'INTERNAL_ERROR', detail: 'The service has met a defect.' },
  503: { code: 'REDIS_AWAY', detail: 'Redis does not answer. Try again.' },
}

/** Headers shared by several answers, by their names in the document. */
export const COMPONENT_HEADERS: Readonly<Record<string, Json>> = {
  'X-Request-Id': header('Finds the call in the log of the service.'),
  'Retry-After': {
    description: 'Seconds after which to ask again.',
    schema: { type: 'integer', format: 'int32' },
  },
  'WWW-Authenticate': header('How to send a key.'),
  Location: header('Where the request can be looked at.'),
  'Repr-Digest': header('SHA-256 of the file, as in the receipt (RFC 9530).'),
}

function header(description: string): Json {
  return { description, schema: { type: 'string' } }
}

export function headers(...names: readonly (keyof typeof COMPONENT_HEADERS)[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

const ALWAYS = headers('X-Request-Id')

const HEADERS: Readonly<Record<number, Json>> = {
  401: headers('WWW-Authenticate'),
  429: headers('Retry-After'),
  503: headers('Retry-After'),
}
