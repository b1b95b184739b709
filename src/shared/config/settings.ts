import { resolve } from 'node:path'
import type { ConfigProblem } from '../base/errors.ts'
import {
  isOneLine,
  readSecretFile,
  type SecretFile,
  whyUnreadable,
  withoutEnd,
} from '../base/text-file.ts'
import type { Setting, SettingSource } from './source.ts'

interface Range {
  readonly min: number
  readonly max?: number
}

/** What a value must be, in words for people and as a parser that gives undefined for all else. */
export interface ValueForm<T> {
  readonly expected: string
  readonly parse: (text: string) => T | undefined
  /** True where a wrong value may hold a secret and is not shown. */
  readonly hidden?: boolean
}

const ONE_LINE: ValueForm<string> = {
  expected: 'one line of text',
  parse: (text) => (isOneLine(text) ? text : undefined),
}

/**
 * Reads typed settings from sources, the first that has the key wins. A wrong value adds a problem
 * and reads as its fallback, so that all problems come to light in one pass; whoever reads must
 * throw in the end where there are problems.
 */
export class Settings {
  readonly #sources: readonly SettingSource[]
  readonly #problems: ConfigProblem[]

  constructor(sources: readonly SettingSource[], problems: ConfigProblem[]) {
    this.#sources = sources
    this.#problems = problems
  }

  /** What a user would call the key. */
  nameOf(key: string): string {
    return this.#sources[0]?.nameOf(key) ?? key
  }

  shortNameOf(key: string): string {
    return this.#sources[0]?.shortNameOf(key) ?? key
  }

  refuse(setting: string, message: string): undefined {
    this.#problems.push({ setting, message })
  }

  text(key: string): string | undefined {
    const setting = this.#find(key)
    return setting && this.#textOf(setting)
  }

  parsed<T>(key: string, form: ValueForm<T>): T | undefined {
    const setting = this.#find(key)
    return setting && this.#parse(setting, form)
  }

  required<T>(key: string, form: ValueForm<T>): T | undefined {
    if (this.#find(key) !== undefined) return this.parsed(key, form)
    return this.refuse(this.nameOf(key), `missing; expected ${form.expected}.`)
  }

  integer<F extends number | null>(
    key: string,
    { fallback, ...range }: Range & { readonly fallback: F },
  ): number | F {
    return this.parsed(key, wholeNumber(range)) ?? fallback
  }

  flag(key: string, fallback: boolean): boolean {
    return this.choice(key, ['true', 'false'], fallback ? 'true' : 'false') === 'true'
  }

  choice<T extends string>(key: string, choices: readonly T[], fallback: NoInfer<T>): T {
    const expected = choices.join(', ').replace(/, ([^,]*)$/, ' or $1')
    const parse = (text: string) => choices.find((choice) => choice === text)
    return this.parsed(key, { expected, parse }) ?? fallback
  }

  /** An absolute path; a relative one starts where its setting stands. */
  path(key: string, expected = 'a path'): string | undefined {
    const setting = this.#find(key)
    return setting && this.#pathOf(setting, expected)
  }

  paths(key: string): readonly string[] {
    return this.#list(key, (setting) => this.#pathOf(setting, 'a path'))
  }

  /** A list that must have an element. */
  list<T>(key: string, form: ValueForm<T>): readonly T[] {
    if (!this.#sources.some((source) => source.list(key)?.length)) {
      this.refuse(this.nameOf(key), `missing; expected a list, each ${form.expected}.`)
    }
    return this.#list(key, (setting) => this.#parse(setting, form))
  }

  /** The value of `key`, or the content of the file that `<key>File` names. Never in a message. */
  async secret(key: string, form: ValueForm<string> = ONE_LINE): Promise<string | undefined> {
    const [setting, another] = this.#given([key, `${key}File`])
    if (setting === undefined) return undefined
    if (another !== undefined) {
      return this.refuse(setting.name, `given twice, by ${another.name} too. Keep one of the two.`)
    }
    const plain = this.#find(key) !== undefined
    const text = plain ? this.#plainSecret(setting) : await this.#contentOf(setting)
    return text && this.#parse({ ...setting, text }, { ...form, hidden: true })
  }

  /** The file that `<key>File` names, for whoever reads the secret again later. */
  secretFile(key: string): SecretFile | undefined {
    const setting = this.#find(`${key}File`)
    if (setting === undefined || !('text' in setting)) return undefined
    return { path: resolve(setting.directory, setting.text), setting: setting.name }
  }

  /** What the user called those of the keys that are given. */
  namesOf(...keys: readonly string[]): readonly string[] {
    return this.#given(keys).map(({ name }) => name)
  }

  #pathOf(setting: Setting, expected: string): string | undefined {
    const parse = (text: string) => (/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? undefined : text)
    const path = this.#parse(setting, { expected, parse })
    return path && resolve(setting.directory, path)
  }

  #plainSecret(setting: Setting): string | undefined {
    const text = this.#textOf(setting)
    if (text === undefined) return undefined
    return withoutEnd(text) || this.refuse(setting.name, 'holds nothing but blanks.')
  }

  async #contentOf(setting: Setting): Promise<string | undefined> {
    const text = this.#textOf(setting)
    if (text === undefined) return undefined
    const path = resolve(setting.directory, text)
    try {
      const content = await readSecretFile(path)
      return content === '' ? this.refuse(setting.name, `the file ${path} is empty.`) : content
    } catch (error) {
      return this.refuse(setting.name, `the file ${path} ${whyUnreadable(error)}.`)
    }
  }

  #list<T>(key: string, read: (setting: Setting) => T | undefined): readonly T[] {
    const lists = this.#sources.map((source) => source.list(key))
    const settings = lists.find((list) => list !== undefined) ?? []
    return settings.map(read).filter((item) => item !== undefined)
  }

  /** Every source is asked, for a section of the file learns its keys by being asked. */
  #find(key: string): Setting | undefined {
    const found = this.#sources.map((source) => source.get(key))
    return found.find((setting) => setting !== undefined)
  }

  #given(keys: readonly string[]): readonly Setting[] {
    return keys.map((key) => this.#find(key)).filter((setting) => setting !== undefined)
  }

  #textOf(setting: Setting): string | undefined {
    return 'text' in setting ? setting.text : this.refuse(setting.name, setting.fault)
  }

  #parse<T>(setting: Setting, form: ValueForm<T>): T | undefined {
    const text = this.#textOf(setting)
    if (text === undefined) return undefined
    const value = form.parse(text)
    if (value !== undefined) return value
    const got = form.hidden ? 'something else (not shown: it may hold a secret)' : quoted(text)
    return this.refuse(setting.name, `expected ${form.expected}, got ${got}.`)
  }
}

function wholeNumber({ min, max = Number.MAX_SAFE_INTEGER }: Range): ValueForm<number> {
  const upTo = max === Number.MAX_SAFE_INTEGER ? `, ${min} or more` : ` from ${min} to ${max}`
  return {
    expected: `a whole number${upTo}`,
    parse: (text) => {
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
      return value >= min && value <= max ? value : undefined
    },
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
