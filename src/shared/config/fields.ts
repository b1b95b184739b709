import { z } from 'zod'
import { isOneLine } from '../base/text-file.ts'

declare module 'zod' {
  /** What the schema of a setting says beside the form of its value. */
  interface GlobalMeta {
    /** The environment variable that may give it. */
    readonly variable?: string
    /** A path: a relative one starts where its setting stands. */
    readonly path?: true
    /** May also be given by a file: `<key>File`, or the variable with `_FILE`. */
    readonly secret?: true
  }
}

/** The settings of one section by key: the same keys in the environment's schema and in the file. */
export type Fields = Readonly<Record<string, z.ZodType>>

/** The metadata of a field, that of the schemas within included. */
export function metaOf(field: z.core.$ZodType): z.GlobalMeta {
  const inner = innerOf(field)
  return { ...(inner && metaOf(inner)), ...z.globalRegistry.get(field) }
}

/** The schema of a list's elements. */
export function elementOf(field: z.core.$ZodType): z.core.$ZodType | undefined {
  if (field instanceof z.ZodArray) return field.def.element
  const inner = innerOf(field)
  return inner && elementOf(inner)
}

function innerOf(field: z.core.$ZodType): z.core.$ZodType | undefined {
  const isWrapper =
    field instanceof z.ZodDefault ||
    field instanceof z.ZodOptional ||
    field instanceof z.ZodNullable
  return isWrapper ? field.def.innerType : undefined
}

/** A secret may also be given by a file, under a key of its own. */
export const keysOf = (key: string, field: z.ZodType): readonly string[] =>
  metaOf(field).secret ? [key, `${key}File`] : [key]

/** The variables that may give the fields, by key. */
export function variablesOf(fields: Fields): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(fields).flatMap(([name, field]) => {
      const { variable } = metaOf(field)
      if (variable === undefined) return []
      return keysOf(name, field).map((key) => [key, key === name ? variable : `${variable}_FILE`])
    }),
  )
}

/** What a value must be, in words for people and as a parser that gives undefined for all else. */
export interface ValueForm<T> {
  readonly expected: string
  readonly parse: (text: string) => T | undefined
  /** True where a wrong value may hold a secret and is not shown. */
  readonly hidden?: boolean
}

/** A setting that must be given, unless the schema is made `optional` or has a default. */
export function value<T>({ expected, parse, hidden = false }: ValueForm<T>): z.ZodType<T, string> {
  return z.transform<string, T>((text, context) => {
    const parsed = text === undefined ? undefined : parse(text)
    if (parsed !== undefined) return parsed
    context.addIssue(
      text === undefined
        ? `missing; expected ${expected}.`
        : `expected ${expected}, got ${hidden ? HIDDEN : quoted(text)}.`,
    )
    return z.NEVER
  })
}

const HIDDEN = 'something else (not shown: it may hold a secret)'

function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}

/** The same for a check that has words of its own for what is wrong. */
export function checked<T>(
  check: (text: string, refuse: (message: string) => undefined) => T | undefined,
): z.ZodType<T, string> {
  return z.transform<string, T>((given, context) => {
    const refuse = (message: string) => void context.addIssue(message)
    return check(given, refuse) ?? z.NEVER
  })
}

/** A list that must have an element. */
export function listOf<T>(form: ValueForm<T>) {
  const message = `missing; expected a list, each ${form.expected}.`
  return z.array(value(form), message).min(1, message)
}

export const text = () => value({ expected: 'text', parse: (given) => given })

export const path = (expected = 'a path') =>
  value({ expected, parse: (given) => (isUrl(given) ? undefined : given) }).meta({ path: true })

export const isUrl = (text: string) => /^[a-z][a-z0-9+.-]*:\/\//i.test(text)

/** Never shown. */
export const secret = (form: ValueForm<string> = ONE_LINE) =>
  value({ ...form, hidden: true })
    .optional()
    .meta({ secret: true })

export const ONE_LINE: ValueForm<string> = {
  expected: 'one line of text',
  parse: (given) => (isOneLine(given) ? given : undefined),
  hidden: true,
}

export function choice<const T extends readonly string[]>(choices: T) {
  return value<T[number]>({
    expected: choices.join(', ').replace(/, ([^,]*)$/, ' or $1'),
    parse: (given) => choices.find((one) => one === given),
  })
}

export const flag = (fallback: boolean) =>
  value({
    expected: 'true or false',
    parse: (given) => (given === 'true' || given === 'false' ? given === 'true' : undefined),
  }).default(fallback)

export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER) {
  const upTo = max === Number.MAX_SAFE_INTEGER ? `, ${min} or more` : ` from ${min} to ${max}`
  return value({
    expected: `a whole number${upTo}`,
    parse: (given) => {
      const number = /^\d+$/.test(given) ? Number(given) : Number.NaN
      return number >= min && number <= max ? number : undefined
    },
  })
}
