/** What a reader of untrusted JSON found wrong: field, expected, got. */
export class FieldError extends Error {
  override readonly name = 'FieldError'
}

/** The fields of one JSON object from outside, each taken with its type or refused by name. */
export class Fields {
  /** The first field that is not known; only where those are ignored. */
  readonly unknown: string | undefined
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #where: string

  /** `unknown: 'ignore'` takes fields beside the known ones; by default they are refused. */
  constructor(
    value: unknown,
    where: string,
    known: readonly string[],
    { unknown = 'refuse' }: { readonly unknown?: 'refuse' | 'ignore' } = {},
  ) {
    if (!isRecord(value)) throw new FieldError(`${where}: expected an object, got ${show(value)}`)
    this.unknown = Object.keys(value).find((name) => !known.includes(name))
    if (this.unknown !== undefined && unknown === 'refuse') {
      throw new FieldError(
        `${where}: unrecognized field "${this.unknown}"; known are ${known.join(', ')}`,
      )
    }
    this.#fields = value
    this.#where = where
  }

  string(name: string): string | undefined {
    return this.#take(name, 'a string', (value) => typeof value === 'string')
  }

  boolean(name: string): boolean | undefined {
    return this.#take(name, 'true or false', (value) => typeof value === 'boolean')
  }

  /** A finite number, 0 or more. */
  number(name: string): number | undefined {
    return this.#take(name, 'a number, 0 or more', isCount)
  }

  strings(name: string): string[] | undefined {
    return this.#take(name, 'a list of strings', isStrings)
  }

  numbers(name: string): number | number[] | undefined {
    return this.#take(name, 'a number or a list of numbers', isCounts)
  }

  texts(name: string): Readonly<Record<string, string>> | undefined {
    return this.#take(name, 'an object of strings', isTexts)
  }

  object(name: string): Readonly<Record<string, unknown>> | undefined {
    return this.#take(name, 'an object', isRecord)
  }

  list(name: string): unknown[] | undefined {
    return this.#take(name, 'a list', (value) => Array.isArray(value))
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const isOne = (value: unknown): value is T => values.some((one) => one === value)
    return this.#take(name, `one of ${values.join(', ')}`, isOne)
  }

  raw(name: string): unknown {
    return this.#fields[name]
  }

  required<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw new FieldError(`${this.#where}.${name}: expected, got nothing`)
    return value
  }

  #take<T>(name: string, expected: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.#fields[name]
    if (value === undefined) return undefined
    if (is(value)) return value
    throw new FieldError(`${this.#where}.${name}: expected ${expected}, got ${show(value)}`)
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A JSON object out of bytes; undefined where they are none. */
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

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0

const isCounts = (value: unknown): value is number | number[] =>
  isCount(value) || (Array.isArray(value) && value.every(isCount))

const isTexts = (value: unknown): value is Readonly<Record<string, string>> =>
  isRecord(value) && Object.values(value).every((item) => typeof item === 'string')

const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

const show = (value: unknown) => JSON.stringify(value)?.slice(0, 80) ?? 'nothing'
