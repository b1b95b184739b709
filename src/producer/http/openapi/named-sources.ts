import { type Json, ref } from './parts.ts'

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
  const mapping = Object.fromEntries(named.map(({ kind, id }) => [kind, ref(id).$ref]))
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
