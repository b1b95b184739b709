import { suggest } from '../base/suggest.ts'
import type { Fields } from './fields.ts'
import { KNOWN_VARIABLES } from './schema.ts'
import { type Setting, type SettingSource, variablesOf } from './settings.ts'

/** Environment variables as passed in; nothing here reads the process. */
export type Variables = Readonly<Record<string, string | undefined>>

export class Environment {
  readonly #variables: Variables
  readonly #known = new Set(KNOWN_VARIABLES)

  constructor(variables: Variables) {
    this.#variables = variables
  }

  /**
   * A variable's value; an empty one counts as unset, because Compose files pass unset variables as
   * empty.
   */
  lookup(name: string): string | undefined {
    this.#known.add(name)
    return (Object.hasOwn(this.#variables, name) && this.#variables[name]) || undefined
  }

  /** The source for fields that have a variable. */
  source(fields: Fields): SettingSource {
    const names = variablesOf(fields)
    const nameOf = (key: string) => names.get(key) ?? key
    return {
      get: (key): Setting | undefined => {
        const name = names.get(key)
        const text = name && this.lookup(name)
        return name && text ? { name, text, directory: '.' } : undefined
      },
      list: () => undefined,
      nameOf,
      shortNameOf: nameOf,
    }
  }

  /**
   * Variables with our prefixes that nothing reads, because a mistyped one would otherwise go
   * unnoticed. They cause only a warning, because deployments keep their own variables there.
   */
  unknown(): readonly UnknownVariable[] {
    return Object.keys(this.#variables)
      .filter((name) => OURS.test(name) && !this.#known.has(name))
      .map((name) => ({ name, meant: knownLike(name) }))
  }
}

const OURS = /^(?:EXPUNGE|SALESFORCE)_/

/** Compares only what follows the prefix; otherwise short names would all look alike. */
function knownLike(name: string): string | undefined {
  const [prefix = ''] = OURS.exec(name) ?? []
  const siblings = KNOWN_VARIABLES.filter((known) => known.startsWith(prefix))
  const meant = suggest(
    name.slice(prefix.length),
    siblings.map((known) => known.slice(prefix.length)),
  )
  return meant && prefix + meant
}

interface UnknownVariable {
  readonly name: string
  readonly meant: string | undefined
}
