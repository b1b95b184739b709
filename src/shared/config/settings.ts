import { resolve } from 'node:path'
import { z } from 'zod'
import type { ConfigProblem } from '../base/errors.ts'
import { readSecretFile, type SecretFile, whyUnreadable, withoutEnd } from '../base/text-file.ts'
import { type Fields, isUrl } from './fields.ts'

/**
 * A setting as its user wrote it. `name` is used in messages: `EXPUNGE_MAX_IN_FLIGHT`, or
 * `orgs.emea.maxInFlight in /etc/expunge.yaml`. Relative paths start at `directory`. A `fault` says
 * why there is no usable text; it is reported when the setting is read, not before.
 */
export type Setting = { readonly name: string; readonly directory: string } & (
  | { readonly text: string }
  | { readonly fault: string }
)

/** A source of settings: the environment, or a mapping of the configuration file. */
export interface SettingSource {
  /** An empty value counts as not given. */
  get(key: string): Setting | undefined
  /** The elements of a list. The environment has no lists. */
  list(key: string): readonly Setting[] | undefined
  /** The user's name for the key, used for missing settings. */
  nameOf(key: string): string
  /** The same without the place, if the message already names that. */
  shortNameOf(key: string): string
}

/** A wrong value of an optional field is treated as absent. */
type Read<F extends z.ZodType> =
  F extends z.ZodArray<z.ZodType>
    ? z.output<F>
    : undefined extends z.input<F>
      ? z.output<F>
      : z.output<F> | undefined

/** All settings of a section, as parsed. */
export type Values<F extends Fields> = { readonly [K in keyof F]: Read<F[K]> }

/**
 * The settings of one section. First, each field is looked up in the sources; the first that has it
 * wins, and its origin is recorded. Its value is parsed when it is read. A wrong value adds a
 * problem under its origin's name and falls back to the default, so that all problems are found in
 * one pass. The caller must throw at the end if there are problems.
 */
export class Settings<F extends Fields> {
  readonly #fields: F
  readonly #sources: readonly SettingSource[]
  readonly #problems: ConfigProblem[]
  /** By key; several entries for a list. A missing key has its default. */
  readonly #origins = new Map<string, readonly Setting[]>()

  constructor(fields: F, sources: readonly SettingSource[], problems: ConfigProblem[]) {
    this.#fields = fields
    this.#sources = sources
    this.#problems = problems
    for (const [name, field] of Object.entries(fields)) {
      for (const key of keysOf(name, field)) {
        // Asks every source, because a section of the file learns its valid keys this way.
        const found = elementOf(field)
          ? sources.map((source) => source.list(key))
          : sources.map((source) => source.get(key)).map((one) => one && [one])
        const origin = found.find((one) => one !== undefined)
        if (origin !== undefined) this.#origins.set(key, origin)
      }
    }
  }

  /** The user's name for the key. */
  nameOf(key: string): string {
    return this.#sources[0]?.nameOf(key) ?? key
  }

  shortNameOf(key: string): string {
    return this.#sources[0]?.shortNameOf(key) ?? key
  }

  /** The user's names of those fields that are given, directly or by a file. */
  namesOf(...fields: readonly (keyof F & string)[]): readonly string[] {
    const keys = fields.flatMap((name) => [name, `${name}File`])
    return keys.flatMap((key) => this.#origins.get(key) ?? []).map(({ name }) => name)
  }

  refuse(setting: string, message: string): undefined {
    this.#problems.push({ setting, message })
  }

  get<K extends keyof F & string>(key: K): Read<F[K]>
  get(key: keyof F & string): unknown {
    const field = this.#fields[key] ?? z.undefined()
    const element = elementOf(field)
    const [origin, ...others] = this.#origins.get(key) ?? []
    if (origin === undefined) {
      // Not given, or a list without an element.
      const { data, error } = field.safeParse(this.#origins.get(key))
      if (error === undefined) return data
      this.refuse(this.nameOf(key), error.issues.map(({ message }) => message).join(' '))
      return element && []
    }
    if (element === undefined) {
      return this.#parse(field, origin) ?? field.safeParse(undefined).data
    }
    const elements = [origin, ...others].map((one) => this.#parse(element, one))
    return elements.filter((one) => one !== undefined)
  }

  /** All fields of the section. */
  all(): Values<F>
  all(): object {
    return Object.fromEntries(Object.keys(this.#fields).map((key) => [key, this.get(key)]))
  }

  /**
   * The value of `key`, or the content of the file that `<key>File` names. Never shown in a
   * message.
   */
  async secret(key: keyof F & string): Promise<string | undefined> {
    const [plain] = this.#origins.get(key) ?? []
    const [byFile] = this.#origins.get(`${key}File`) ?? []
    if (plain !== undefined && byFile !== undefined) {
      return this.refuse(plain.name, `given twice, by ${byFile.name} too. Keep one of the two.`)
    }
    const origin = plain ?? byFile
    const field = this.#fields[key]
    if (origin === undefined || field === undefined) return undefined
    const text = plain ? this.#plainSecret(plain) : await this.#contentOf(origin)
    const secret = text && this.#parse(field, { ...origin, text })
    return typeof secret === 'string' ? secret || undefined : undefined
  }

  /** The file that `<key>File` names, for re-reading the secret later. */
  secretFile(key: keyof F & string): SecretFile | undefined {
    const [setting] = this.#origins.get(`${key}File`) ?? []
    if (setting === undefined || !('text' in setting)) return undefined
    return { path: resolve(setting.directory, setting.text), setting: setting.name }
  }

  #parse(field: z.core.$ZodType, origin: Setting): unknown {
    const text = this.#textOf(origin)
    if (text === undefined) return undefined
    const { data, error } = z.safeParse(field, metaOf(field).path ? absolute(origin, text) : text)
    for (const { message } of error?.issues ?? []) this.refuse(origin.name, message)
    return data
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

  #textOf(setting: Setting): string | undefined {
    return 'text' in setting ? setting.text : this.refuse(setting.name, setting.fault)
  }
}

/** Leaves a URL unchanged, so that a path field refuses it as it was written. */
function absolute({ directory }: Setting, text: string): string {
  return isUrl(text) ? text : resolve(directory, text)
}

/** The metadata of a field, including that of its inner schemas. */
function metaOf(field: z.core.$ZodType): z.GlobalMeta {
  const inner = innerOf(field)
  return { ...(inner && metaOf(inner)), ...z.globalRegistry.get(field) }
}

/** The schema of a list's elements. */
function elementOf(field: z.core.$ZodType): z.core.$ZodType | undefined {
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

/** A secret may also be given by a file, under its own key. */
const keysOf = (key: string, field: z.ZodType): readonly string[] =>
  metaOf(field).secret ? [key, `${key}File`] : [key]

/** The environment variables of the fields, by key. */
export function variablesOf(fields: Fields): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(fields).flatMap(([name, field]) => {
      const { variable } = metaOf(field)
      if (variable === undefined) return []
      return keysOf(name, field).map((key) => [key, key === name ? variable : `${variable}_FILE`])
    }),
  )
}
