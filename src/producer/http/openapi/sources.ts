import { type Json, ref } from './json.ts'

/**
 * Gives each kind of source a schema of its own: generators name classes after them, and find the
 * right one by `type`.
 *
 * @returns the request with references, and what they refer to
 */
export function withNamedSources(
  request: Json,
  prefix: string,
  kinds: readonly string[],
): { request: Json; sources: Record<string, Json> } {
  const { properties } = request
  const { source } = Object(properties)
  const variants: readonly Json[] = source.oneOf
  const named = variants
    .map((schema) => ({ kind: kindOf(schema), schema }))
    .filter(({ kind }) => kinds.includes(kind))
    .map((variant) => ({ ...variant, name: nameOf(variant.kind, prefix) }))
  const discriminator = {
    propertyName: 'type',
    mapping: Object.fromEntries(named.map(({ kind, name }) => [kind, ref(name).$ref])),
  }
  const oneOf = named.map(({ name }) => ref(name))
  return {
    request: {
      ...request,
      properties: { ...Object(properties), source: { oneOf, discriminator } },
    },
    sources: Object.fromEntries(named.map(({ name, schema }) => [name, schema])),
  }
}

function kindOf({ properties }: Json): string {
  return String(Object(properties).type.const)
}

function nameOf(kind: string, prefix: string): string {
  return `${prefix}${kind.charAt(0).toUpperCase()}${kind.slice(1)}Source`
}
