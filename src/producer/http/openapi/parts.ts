import { STATUS_CODES } from 'node:http'
import { z } from 'zod'
import { portable } from '../../../shared/contract/portable-schema.ts'
import { TERMINAL_STATUSES } from '../../../shared/contract/status.ts'
import { PROBLEM_EXAMPLES } from './problem-examples.ts'

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

/**
 * Gives each source kind of a request its own schema: generators name classes after them, and
 * select one by `type`. Members of a union are the same classes; lists in `except` have their own,
 * because they except nothing themselves.
 *
 * @param left kinds that are left out
 * @returns the request under its name, with references, and the referenced schemas
 */
export function withNamedSources(
  name: string,
  request: Json,
  { prefix = '', left = [] }: { prefix?: string; left?: readonly string[] },
): Record<string, Json> {
  const properties = propertiesOf(request)
  const named = namedVariants(properties['source'], prefix, left)
  const lists = named.filter(({ kind }) => kind !== 'union')
  const excepts = namedVariants(exceptOf(lists), `${prefix}Except`, left)
  const linked = ({ schema }: NamedSource): Json => {
    const { except, of, ...others } = propertiesOf(schema)
    const links = {
      ...(of === undefined ? {} : { of: { ...of, items: choiceOf(lists) } }),
      ...(except === undefined ? {} : { except: choiceOf(excepts) }),
    }
    return { ...schema, properties: { ...others, ...links } }
  }
  return {
    [name]: { ...request, properties: { ...properties, source: choiceOf(named) } },
    ...Object.fromEntries(named.map((one) => [one.id, linked(one)])),
    ...Object.fromEntries(excepts.map(({ id, schema }) => [id, schema])),
  }
}

/** The schema of one kind of source, and its name in the document. */
interface NamedSource {
  readonly kind: string
  readonly id: string
  readonly schema: Json
}

function namedVariants(
  source: Json | undefined,
  prefix: string,
  left: readonly string[],
): readonly NamedSource[] {
  const variants: readonly Json[] = Object(source).oneOf ?? []
  // By kind, once each: its schema in the last variant counts.
  const byKind = new Map(variants.map((schema) => [kindOf(schema), schema] as const))
  return [...byKind]
    .filter(([kind]) => !left.includes(kind))
    .map(([kind, schema]) => ({ kind, id: sourceId(prefix, kind), schema }))
}

const exceptOf = ([list]: readonly NamedSource[]): Json | undefined =>
  list && propertiesOf(list.schema)['except']

function choiceOf(named: readonly NamedSource[]): Json {
  const mapping = Object.fromEntries(named.map(({ kind, id }) => [kind, uriOf(id)]))
  return {
    oneOf: named.map(({ id }) => ref(id)),
    discriminator: { propertyName: 'type', mapping },
  }
}

const propertiesOf = (schema: Json): Readonly<Record<string, Json>> => Object(schema['properties'])

function kindOf(schema: Json): string {
  return String(Object(propertiesOf(schema)['type']).const)
}

function sourceId(prefix: string, kind: string): string {
  return `${prefix}${kind.charAt(0).toUpperCase()}${kind.slice(1)}Source`
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
  const example = { type: 'about:blank', title, status, ...PROBLEM_EXAMPLES[status] }
  return {
    description: title,
    headers: { ...ALWAYS, ...HEADERS[status] },
    content: content('application/problem+json', problemSchema, example),
  }
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
