import { z } from 'zod'

/** An error in external JSON: field, expected, got. */
export class FieldError extends Error {
  override readonly name = 'FieldError'
}

/**
 * Parses an external value.
 *
 * @param where its name in messages
 * @throws {FieldError} for the first error
 */
export function parse<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const { data, error } = schema.safeParse(value)
  if (error === undefined) return data
  const [issue] = error.issues
  const steps = (issue?.path ?? []).map((step) =>
    typeof step === 'number' ? `[${step}]` : `.${String(step)}`,
  )
  const place = `${where}${steps.join('')}`.replace(/^\./, '')
  throw new FieldError(`${place}: ${issue?.message}`)
}

/** The message for a missing or wrong value. */
export const expected = (what: string) => ({
  error: ({ input }: { readonly input?: unknown }) =>
    input === undefined ? 'expected, got nothing' : `expected ${what}, got ${show(input)}`,
})

/** A value that messages name as a whole, not by its wrong part. */
const whole = <T>(what: string, schema: z.ZodType<T>) =>
  z.custom<T>((value) => schema.safeParse(value).success, expected(what))

const text = z.string(expected('a string'))
const flag = z.boolean(expected('true or false'))
/** A finite number. */
const count = whole('a number, 0 or more', z.number().min(0))
const counts = whole('a number or a list of numbers', z.union([count, z.array(count).readonly()]))
const texts = whole('a list of strings', z.array(z.string()).readonly())
const fields = whole('an object', z.record(z.string(), z.unknown()))
const textFields = whole('an object of strings', z.record(z.string(), z.string()))

const oneOf = <const T extends readonly string[]>(values: T) =>
  z.enum(values, expected(`one of ${values.join(', ')}`))

const listOf = <T extends z.ZodType>(schema: T) => z.array(schema, expected('a list'))

/** An object; fields outside the shape are dropped. */
const object = <T extends z.ZodRawShape>(shape: T) => z.object(shape, expected('an object'))

/** An object without fields outside the shape. */
const strict = <T extends z.ZodRawShape>(shape: T) => strictly(Object.keys(shape), object(shape))

/** Schemas for fields of external JSON, with their error messages. */
export const field = {
  ...{ text, flag, count, counts, texts, fields, textFields },
  ...{ oneOf, listOf, object, strict },
}

/** A schema of objects that first checks for unknown fields. */
export function strictly<T extends z.ZodType>(known: readonly string[], schema: T) {
  const objects = z.unknown().superRefine((value, context) => {
    const unknown = unknownField(value, known)
    if (!isRecord(value)) context.addIssue(`expected an object, got ${show(value)}`)
    else if (unknown !== undefined) {
      context.addIssue(`unrecognized field "${unknown}"; known are ${known.join(', ')}`)
    }
  })
  return objects.pipe(schema)
}

/** The first unknown field of an object. */
export function unknownField(value: unknown, known: readonly string[]): string | undefined {
  return isRecord(value) ? Object.keys(value).find((name) => !known.includes(name)) : undefined
}

/** Parses a JSON object; undefined if the bytes are not one. */
export function parseJsonOrUndefined(
  bytes: Uint8Array,
): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const show = (value: unknown) => JSON.stringify(value)?.slice(0, 80) ?? 'nothing'
