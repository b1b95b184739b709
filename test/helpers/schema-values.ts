import { codePoint } from './code-point.ts'
import { fc } from './fast-check.ts'

/** A JSON Schema, as far as the OpenAPI document uses it. */
export interface Schema {
  readonly $ref?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly oneOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly type?: string
  readonly format?: string
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: Schema
  readonly minItems?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

/** Values that a schema describes; `$ref`s are looked up by their last part. */
export function valuesOf(
  schema: Schema,
  schemas: Readonly<Record<string, Schema>>,
): fc.Arbitrary<unknown> {
  const valuesIn = (part: Schema) => valuesOf(part, schemas)
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? ''
    return valuesIn(schemas[name] ?? {})
  }
  if ('const' in schema) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  const variants = schema.oneOf ?? schema.anyOf
  if (variants !== undefined) return fc.oneof(...variants.map(valuesIn))
  switch (schema.type) {
    case 'null':
      return fc.constant(null)
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.maxSafeInteger().map((value) => within(value, schema))
    case 'number':
      return fc
        .double({ min: schema.minimum ?? -1e9, max: schema.maximum ?? 1e9, noNaN: true })
        .map((value) => value || 0)
    case 'string':
      return textOf(schema)
    case 'array':
      return fc.array(valuesIn(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: 5,
      })
    case 'object':
      return objectOf(schema, valuesIn)
    default:
      throw new TypeError(`This helper knows no schema like ${JSON.stringify(schema)}.`)
  }
}

function within(value: number, { minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: Schema): number {
  return minimum + (Math.abs(value) % (maximum - minimum + 1))
}

function textOf({ format, pattern, minLength = 0, maxLength = 60 }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') {
    const [min, max] = [new Date('2000-01-01'), new Date('2100-01-01')]
    return fc.date({ min, max, noInvalidDate: true }).map((date) => date.toISOString())
  }
  if (format === 'uri') return fc.webUrl({ withQueryParameters: true })
  if (pattern !== undefined) {
    return fc
      .stringMatching(new RegExp(pattern), { maxLength: 80 })
      .filter((text) => text.length >= minLength && text.isWellFormed())
  }
  return fc.string({ unit: codePoint, minLength, maxLength: Math.min(maxLength, 60) })
}

function objectOf(
  { properties = {}, required = [] }: Schema,
  valuesIn: (part: Schema) => fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> {
  const fields = Object.entries(properties).map(([name, part]) => [name, valuesIn(part)] as const)
  return fc.record(Object.fromEntries(fields), { requiredKeys: [...required] })
}
