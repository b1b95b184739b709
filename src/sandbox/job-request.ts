import type { z } from 'zod'
import type { DeletableObject } from '../shared/contract/objects.ts'
import { FieldError, field, parse, strictly, unknownField } from './parse.ts'
import { refuse } from './reply.ts'

export const DELIMITERS = {
  COMMA: ',',
  BACKQUOTE: '`',
  CARET: '^',
  PIPE: '|',
  SEMICOLON: ';',
  TAB: '\t',
} as const

const DELIMITER_NAMES = ['COMMA', 'BACKQUOTE', 'CARET', 'PIPE', 'SEMICOLON', 'TAB'] as const

interface CreateRules {
  readonly objects: readonly DeletableObject[]
  readonly allowHardDelete: boolean
  readonly strictFields: boolean
}

const CREATE = field.object({
  contentType: field.oneOf(['CSV']).optional(),
  object: field.text,
  operation: field.oneOf(['insert', 'update', 'upsert', 'delete', 'hardDelete']),
  lineEnding: field.oneOf(['LF', 'CRLF']).default('LF'),
  columnDelimiter: field.oneOf(DELIMITER_NAMES).default('COMMA'),
  externalIdFieldName: field.text.optional(),
  assignmentRuleId: field.text.optional(),
})

/** The options that a job was created with. */
export type JobRequest = Omit<z.output<typeof CREATE>, 'contentType' | 'operation'> & {
  readonly operation: 'delete' | 'hardDelete'
}

/** In the order used in messages. */
const CREATE_FIELDS = [
  ...['object', 'operation', 'contentType', 'columnDelimiter', 'lineEnding'],
  ...['externalIdFieldName', 'assignmentRuleId'],
]

/** The body of `POST /jobs/ingest` and its first field unknown to the API, or a refusal. */
export function parseJobRequest(
  body: string,
  { objects, allowHardDelete, strictFields }: CreateRules,
): readonly [JobRequest, unknownField: string | undefined] {
  const [job, unknown] = parseBody(body, CREATE, CREATE_FIELDS, strictFields)
  const { contentType: _, operation, ...request } = job
  if (!objects.some(({ name }) => name === request.object)) {
    refuse(400, 'INVALIDENTITY', `Entity '${request.object}' is not supported by the Bulk API.`)
  }
  if (operation !== 'delete' && operation !== 'hardDelete') {
    refuse(400, 'INVALIDOPERATION', `The sandbox imitates delete and hardDelete, not ${operation}`)
  }
  if (operation === 'hardDelete' && !allowHardDelete) {
    refuse(
      400,
      'FEATURENOTENABLED',
      'hardDelete operation requires special user profile permission, please contact your system administrator',
    )
  }
  return [{ operation, ...request }, unknown]
}

const QUERY = field.object({
  contentType: field.oneOf(['CSV']).optional(),
  operation: field.oneOf(['query', 'queryAll']),
  query: field.text,
  lineEnding: field.oneOf(['LF', 'CRLF']).default('LF'),
  columnDelimiter: field.oneOf(['COMMA']).default('COMMA'),
})
export type QueryRequest = z.output<typeof QUERY>

/** The body of `POST /jobs/query` and its first field unknown to the API, or a refusal. */
export function parseQueryRequest(
  body: string,
  strictFields: boolean,
): readonly [QueryRequest, unknownField: string | undefined] {
  const known = ['operation', 'query', 'contentType', 'columnDelimiter', 'lineEnding']
  return parseBody(body, QUERY, known, strictFields)
}

const PATCH = field.object({ state: field.text })

/** The state requested by the body of a PATCH. */
export function parsePatch(
  body: string,
  strictFields: boolean,
): readonly [state: string, unknownField: string | undefined] {
  const [{ state }, unknown] = parseBody(body, PATCH, ['state'], strictFields)
  return [state, unknown]
}

/** Parses a JSON body; anything else is the API's parser error. */
function parseBody<T>(
  body: string,
  schema: z.ZodType<T>,
  known: readonly string[],
  strictFields: boolean,
): readonly [T, unknownField: string | undefined] {
  try {
    const value: unknown = JSON.parse(body)
    const job = parse(strictFields ? strictly(known, schema) : schema, value, 'job')
    return [job, unknownField(value, known)]
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof FieldError) {
      refuse(400, 'JSON_PARSER_ERROR', error.message)
    }
    throw error
  }
}

/** Maximum characters of data in a multipart create. */
const MAX_CONTENT = 100_000

/** The two parts of a multipart create: the job as JSON and its CSV. */
export function parseMultipart(body: Buffer, contentType: string): { job: string; csv: Buffer } {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1]
  if (boundary === undefined) refuse(400, 'INVALIDJOB', 'Multipart request without boundary')
  // Latin-1 maps every byte to one character, so the CSV is preserved exactly.
  const parts = body.toString('latin1').split(`--${boundary}`)
  const job = contentOf(parts, 'job')
  const csv = contentOf(parts, 'content')
  if (job === undefined || csv === undefined) {
    refuse(400, 'INVALIDJOB', 'Multipart request: expected the parts "job" and "content"')
  }
  const content = Buffer.from(csv, 'latin1')
  if (content.toString('utf8').length > MAX_CONTENT) {
    refuse(413, 'EXCEEDED_MAX_SIZE_REQUEST', `Multipart data exceeds ${MAX_CONTENT} characters`)
  }
  return { job: Buffer.from(job, 'latin1').toString('utf8'), csv: content }
}

function contentOf(parts: readonly string[], name: string): string | undefined {
  for (const part of parts) {
    const [, head = '', content] = /^\r?\n([\s\S]*?)\r?\n\r?\n([\s\S]*)\r?\n$/.exec(part) ?? []
    if (content !== undefined && new RegExp(`name="?${name}"?(?:[;\\s]|$)`, 'i').test(head)) {
      return content.endsWith('\r') ? content.slice(0, -1) : content
    }
  }
  return undefined
}
