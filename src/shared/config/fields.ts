import { z } from 'zod'
import { isOneLine } from '../base/text-file.ts'

declare module 'zod' {
  /** What a setting's schema declares besides the form of its value. */
  interface GlobalMeta {
    /** The environment variable for the setting. */
    readonly variable?: string
    /** A path: relative ones start where the setting is given. */
    readonly path?: true
    /** May also be given by a file: `<key>File`, or the variable with `_FILE`. */
    readonly secret?: true
  }
}

/** The settings of one section by key, with the same keys for the environment and the file. */
export type Fields = Readonly<Record<string, z.ZodType>>

/** The form of a value: in words, and as a parser that returns undefined for invalid values. */
export interface ValueForm<T> {
  readonly expected: string
  readonly parse: (text: string) => T | undefined
  /** True if a wrong value may contain a secret and is not shown. */
  readonly hidden?: boolean
}

/** A required setting, unless the schema is made `optional` or has a default. */
function value<T>({ expected, parse, hidden = false }: ValueForm<T>): z.ZodType<T, string> {
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

/** The same for a check with its own error messages. */
function checked<T>(
  check: (text: string, refuse: (message: string) => undefined) => T | undefined,
): z.ZodType<T, string> {
  return z.transform<string, T>((given, context) => {
    const refuse = (message: string) => void context.addIssue(message)
    return check(given, refuse) ?? z.NEVER
  })
}

/** A list with at least one element. */
function listOf<T>(form: ValueForm<T>) {
  const message = `missing; expected a list, each ${form.expected}.`
  return z.array(value(form), message).min(1, message)
}

const text = () => value({ expected: 'text', parse: (given) => given })

const path = (expected = 'a path') =>
  value({ expected, parse: (given) => (isUrl(given) ? undefined : given) }).meta({ path: true })

export const isUrl = (text: string) => /^[a-z][a-z0-9+.-]*:\/\//i.test(text)

/** Never shown. */
const secret = (form: ValueForm<string> = ONE_LINE) =>
  value({ ...form, hidden: true })
    .optional()
    .meta({ secret: true })

const ONE_LINE: ValueForm<string> = {
  expected: 'one line of text',
  parse: (given) => (isOneLine(given) ? given : undefined),
  hidden: true,
}

function choice<const T extends readonly string[]>(choices: T) {
  return value<T[number]>({
    expected: choices.join(', ').replace(/, ([^,]*)$/, ' or $1'),
    parse: (given) => choices.find((one) => one === given),
  })
}

const flag = (fallback: boolean) =>
  value({
    expected: 'true or false',
    parse: (given) => (given === 'true' || given === 'false' ? given === 'true' : undefined),
  }).default(fallback)

function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER) {
  const upTo = max === Number.MAX_SAFE_INTEGER ? `, ${min} or more` : ` from ${min} to ${max}`
  return value({
    expected: `a whole number${upTo}`,
    parse: (given) => {
      const number = /^\d+$/.test(given) ? Number(given) : Number.NaN
      return number >= min && number <= max ? number : undefined
    },
  })
}

/** Schemas of settings. They parse text; a missing setting is undefined. */
export const field = { value, checked, listOf, text, path, secret, choice, flag, wholeNumber }
