import { z } from 'zod'
import { portable } from '../../../shared/contract/portable-schema.ts'

/** JSON, as far as a document is concerned. */
export type Json = Record<string, unknown>

/**
 * Schemas that have a name in the document, and are referred to by it wherever they are used. A schema
 * that parses is registered where it is declared: what is documented cannot be another contract.
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

/** A later version may add fields to what it answers; whoever reads must not break on them. */
function openEnded({ jsonSchema }: { jsonSchema: Json }): void {
  portable(jsonSchema)
  if (jsonSchema['additionalProperties'] === false) delete jsonSchema['additionalProperties']
}

/**
 * Gives each kind of source of a request a schema of its own: generators name classes after them, and
 * find the right one by `type`.
 *
 * @param left kinds that are left out
 * @returns the request under its name, with references, and what they refer to
 */
export function withNamedSources(
  name: string,
  request: Json,
  { prefix = '', left = [] }: { prefix?: string; left?: readonly string[] },
): Record<string, Json> {
  const properties: Readonly<Record<string, Json>> = Object(request['properties'])
  const variants = Object(properties['source']).oneOf
  const sources = new Map<string, Json>(
    variants.map((schema: Json) => [kindOf(schema), schema] as const),
  )
  for (const kind of left) sources.delete(kind)
  const named = [...sources].map(([kind, schema]) => ({ kind, schema, id: sourceId(prefix, kind) }))
  const mapping = Object.fromEntries(named.map(({ kind, id }) => [kind, uriOf(id)]))
  const source = {
    oneOf: named.map(({ id }) => ref(id)),
    discriminator: { propertyName: 'type', mapping },
  }
  return {
    [name]: { ...request, properties: { ...properties, source } },
    ...Object.fromEntries(named.map(({ id, schema }) => [id, schema])),
  }
}

function kindOf({ properties }: Json): string {
  return String(Object(properties).type.const)
}

function sourceId(prefix: string, kind: string): string {
  return `${prefix}${kind.charAt(0).toUpperCase()}${kind.slice(1)}Source`
}
