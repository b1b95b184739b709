import { dirname, resolve } from 'node:path'
import { type ConfigProblem, codeOf } from '../base/errors.ts'
import { suggest } from '../base/suggest.ts'
import { readTextFile, whyUnreadable } from '../base/text-file.ts'
import type { Environment } from './environment.ts'
import { CONFIG_VARIABLE } from './schema.ts'
import type { Setting, SettingSource } from './settings.ts'

/**
 * The topmost section of the file that EXPUNGE_CONFIG names; empty if no file is named or it cannot
 * be parsed. Messages do not quote the file, because a misplaced value may be a secret.
 */
export async function readConfigFile(
  environment: Environment,
  problems: ConfigProblem[],
): Promise<YamlSection> {
  const named = environment.lookup(CONFIG_VARIABLE)
  if (named === undefined)
    return new YamlSection({ file: '', environment, problems }, '', new Map())
  const file = resolve(named)
  return new YamlSection({ file, environment, problems }, '', await readMapping(file, problems))
}

async function readMapping(file: string, problems: ConfigProblem[]): Promise<Mapping> {
  const content = await readTextFile(file).then(
    async (text) => {
      // Loads its 70 modules only if there is a file.
      const { parseYaml } = await import('./yaml.ts')
      return parseYaml(text, (where, message) =>
        problems.push({ setting: `${file}${where}`, message }),
      )
    },
    (error: unknown) => {
      const why = codeOf(error) === 'ENOENT' ? 'does not exist' : whyUnreadable(error)
      problems.push({ setting: CONFIG_VARIABLE, message: `the file ${file} ${why}.` })
      return null
    },
  )
  if (content instanceof Map) return content
  if (content !== null) {
    const message = `expected settings, one "name: value" a line, got ${kindOf(content)}.`
    problems.push({ setting: file, message })
  }
  return new Map()
}

/** A mapping of the file; all its scalars are text. */
type Mapping = ReadonlyMap<unknown, unknown>

interface File {
  readonly file: string
  readonly environment: Environment
  readonly problems: ConfigProblem[]
}

/** A value that is entirely one variable, so that secrets cannot be assembled from parts. */
const VARIABLE = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/

/**
 * One mapping of the configuration file. It records which keys were requested, so that unknown keys
 * can be reported at the end without a second list of keys.
 */
export class YamlSection implements SettingSource {
  readonly #file: File
  readonly #path: string
  readonly #mapping: Mapping
  readonly #known = new Set<string>()
  readonly #sections = new Map<string, YamlSection>()

  /** @param path dotted, ends with a dot; empty for the file itself */
  constructor(file: File, path: string, mapping: Mapping) {
    this.#file = file
    this.#path = path
    this.#mapping = mapping
  }

  nameOf(key: string): string {
    return `${this.#path}${key} in ${this.#file.file}`
  }

  shortNameOf(key: string): string {
    return key
  }

  has(key: string): boolean {
    return !isEmpty(this.#value(key))
  }

  get(key: string): Setting | undefined {
    const value = this.#value(key)
    return isEmpty(value) ? undefined : this.#setting(key, value)
  }

  list(key: string): readonly Setting[] | undefined {
    const value = this.#value(key)
    if (isEmpty(value)) return undefined
    if (Array.isArray(value)) return value.map((item, i) => this.#setting(`${key}[${i}]`, item))
    return [this.#fault(key, `expected a list, got ${kindOf(value)}.`)]
  }

  /** The mapping under a key; empty if there is none. */
  section(key: string): YamlSection {
    const known = this.#sections.get(key)
    if (known !== undefined) return known
    const value = this.#value(key)
    if (!isEmpty(value) && !(value instanceof Map)) {
      const message = `expected further settings under this name, got ${kindOf(value)}.`
      this.#file.problems.push({ setting: this.nameOf(key), message })
    }
    const mapping: Mapping = value instanceof Map ? value : new Map()
    const section = new YamlSection(this.#file, `${this.#path}${key}.`, mapping)
    this.#sections.set(key, section)
    return section
  }

  /** The keys here, where users choose them. */
  keys(): readonly string[] {
    return [...this.#mapping.keys()].map(String)
  }

  /** Every mapping here by its key, where users choose the keys: orgs and objects. */
  sections(): readonly (readonly [key: string, section: YamlSection])[] {
    return this.keys().map((key) => [key, this.section(key)])
  }

  /** Adds a problem for each key, here and below, that was not requested. */
  refuseUnknownKeys(): void {
    for (const key of this.#mapping.keys()) {
      const name = String(key)
      if (this.#known.has(name)) continue
      const meant = suggest(name, this.#known)
      const message =
        meant === undefined
          ? `unknown; expected one of ${[...this.#known].sort().join(', ')}.`
          : `unknown; did you mean ${meant}?`
      this.#file.problems.push({ setting: this.nameOf(name), message })
    }
    for (const section of this.#sections.values()) section.refuseUnknownKeys()
  }

  #value(key: string): unknown {
    this.#known.add(key)
    return this.#mapping.get(key)
  }

  #setting(key: string, value: unknown): Setting {
    if (typeof value !== 'string') {
      return this.#fault(key, `expected a single value, got ${kindOf(value)}.`)
    }
    if (!value.includes('${')) return this.#text(key, value)
    const variable = VARIABLE.exec(value)?.[1]
    if (variable === undefined) {
      return this.#fault(key, 'a variable must be the whole value, with nothing beside it.')
    }
    const text = this.#file.environment.lookup(variable)
    return text === undefined
      ? this.#fault(key, `the variable ${variable} is not set.`)
      : this.#text(key, text)
  }

  #text(key: string, text: string): Setting {
    return { name: this.nameOf(key), directory: dirname(this.#file.file), text }
  }

  #fault(key: string, fault: string): Setting {
    return { name: this.nameOf(key), directory: dirname(this.#file.file), fault }
  }
}

function isEmpty(value: unknown): value is undefined | null | '' {
  return value === undefined || value === null || value === ''
}

/** Describes a value that must not be shown. */
export function kindOf(value: unknown): string {
  if (value instanceof Map) return 'further settings'
  return Array.isArray(value) ? 'a list' : 'one value'
}
