import { requestJsonSchema } from '../../../shared/contract/request.ts'
import type { Json } from './json.ts'

/** What a JSON request has as fields, for a CSV, whose body is the file: a query parameter each. */
export function csvParameters(): Json[] {
  const { properties, required } = Object(requestJsonSchema())
  const { source: _, ...fields } = properties
  return [...Object.entries(fields), ['column', COLUMN] as const].map(([name, field]) => {
    const { description, ...schema } = Object(field)
    const isRequired = required.includes(name)
    return {
      ...{ name, in: 'query', description },
      ...(isRequired ? { required: true } : {}),
      schema: inQuery(schema, name),
    }
  })
}

const COLUMN = {
  type: 'string',
  minLength: 1,
  maxLength: 200,
  description: 'Column that holds the ids; Id where absent.',
}

/** A query string has no null: what is absent is null, and where null is not the default it is a word. */
function inQuery({ default: fallback, anyOf, ...rest }: Json, name: string): Json {
  const otherwise = fallback === null || fallback === undefined ? {} : { default: fallback }
  if (!Array.isArray(anyOf)) return { ...rest, ...otherwise }
  const variants = anyOf.map(Object).filter(({ type }) => type !== 'null')
  if (name === 'maxFailureRatio') variants.push({ type: 'string', enum: ['null'] })
  const [only] = variants
  return { ...rest, ...(variants.length === 1 ? only : { anyOf: variants }), ...otherwise }
}
