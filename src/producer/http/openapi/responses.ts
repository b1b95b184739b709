import { STATUS_CODES } from 'node:http'
import { PROBLEM_EXAMPLES } from './examples.ts'
import { type Json, ref } from './json.ts'

/** How operations answer, as OpenAPI has it. */

export function json(description: string, schema: string, example: unknown): Json {
  const content = { 'application/json': { schema: ref(schema), example } }
  return { description, headers: ALWAYS, content }
}

export function csv(description: string, example: string, headers: Json): Json {
  return { description, headers: { ...ALWAYS, ...headers }, content: csvContent(example) }
}

export function csvContent(example: string): Json {
  return { 'text/csv': { schema: { type: 'string' }, example } }
}

/** Of every operation: of HTTP itself, of the key, of the fields, and of the service. */
const COMMON = [400, 401, 403, 404, 422, 429, 431, 500, 503]
/** Of one that takes a body, too. */
const WITH_BODY = [408, 409, 415]

export function problems(...own: readonly number[]): Record<number, Json> {
  return Object.fromEntries([...COMMON, ...own].map((status) => [status, problem(status)]))
}

export function problemsWithBody(...own: readonly number[]): Record<number, Json> {
  return problems(...WITH_BODY, ...own)
}

function problem(status: number): Json {
  const title = STATUS_CODES[status] ?? ''
  const example = { type: 'about:blank', title, status, ...PROBLEM_EXAMPLES[status] }
  return {
    description: title,
    headers: { ...ALWAYS, ...HEADERS[status] },
    content: { 'application/problem+json': { schema: ref('Problem'), example } },
  }
}

/** Headers that several answers have, by their names in the document. */
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
