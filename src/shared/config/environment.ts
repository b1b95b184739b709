import type { Fields } from './fields.ts'
import { KNOWN_VARIABLES } from './schema.ts'
import { type Setting, type SettingSource, variablesOf } from './settings.ts'

/** Environment variables as they are handed in; nothing here reads the process. */
export type Variables = Readonly<Record<string, string | undefined>>

export class Environment {
  readonly #variables: Variables
  readonly #known = new Set(KNOWN_VARIABLES)

  constructor(variables: Variables) {
    this.#variables = variables
  }

  /** A variable's value; an empty one counts as unset, as Compose files pass what is unset. */
  lookup(name: string): string | undefined {
    this.#known.add(name)
    return (Object.hasOwn(this.#variables, name) && this.#variables[name]) || undefined
  }

  /** The fields that have a variable. */
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
   * Variables under our prefixes that nothing reads: the mistyped one among them would otherwise be
   * silent. No more than a warning, because deployments keep variables of their own there.
   */
  unknown(): readonly UnknownVariable[] {
    return Object.keys(this.#variables)
      .filter((name) => OURS.test(name) && !this.#known.has(name))
      .map((name) => ({ name, meant: knownLike(name) }))
  }
}

const OURS = /^(?:EXPUNGE|SALESFORCE)_/

/** Only what follows the prefix is compared, or short names would all look alike. */
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

/**
 * The word that a mistyped one was probably meant to be, compared without case; undefined where
 * none is near. Near is one slip in three characters, three at most: past that a suggestion misleads.
 */
export function suggest(typed: string, words: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let least = Math.min(3, Math.floor(typed.length / 3)) + 1
  for (const word of words) {
    const slips = editDistance(typed.toLowerCase(), word.toLowerCase())
    if (slips < least) {
      least = slips
      nearest = word
    }
  }
  return nearest
}

/** Levenshtein: how many characters to insert, drop or change. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (const [i, char] of [...a].entries()) {
    const row = [i + 1]
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (char === b[j - 1] ? 0 : 1)
      row.push(Math.min(change, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    previous = row
  }
  return previous[b.length] ?? 0
}
