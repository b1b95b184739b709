import { RefusedError } from '../base/errors.ts'

/** Finds the object that a request means among those that may be deleted. */

const inAnyCase = (name: string) => (other: string) => other.toLowerCase() === name.toLowerCase()

/** Whether both name one object: Salesforce ignores the case of API names. */
export const isSameObject = (a: string, b: string): boolean => inAnyCase(a)(b)

/** The object belongs to none of those that the org allows. Nothing was accepted or deleted. */
export class UnknownObjectError extends RefusedError {
  /** The allowed object with a similar name; null if there is none. */
  readonly suggestion: string | null

  /** @param note what else to know about the allowed objects, as a sentence */
  constructor(name: string, allowed: readonly string[], note = '') {
    const suggestion = similarTo(name, allowed)
    const question = suggestion === null ? '' : ` Did you mean ${suggestion}?`
    super(
      'UNKNOWN_OBJECT',
      `Unknown object ${name}.${question} Expected one of ${allowed.join(', ')}.${note === '' ? '' : ` ${note}`} ` +
        'To allow another object, add it to `objects` in the configuration. If the org has guard rails already, apply them with `expunge policy --apply`.',
    )
    this.suggestion = suggestion
  }
}

/**
 * The object's name as Salesforce spells it.
 *
 * @throws UnknownObjectError if it is not one of them, in any case
 */
export function knownObject(name: string, allowed: readonly string[], note?: string): string {
  const known = allowed.includes(name) ? name : allowed.find(inAnyCase(name))
  if (known === undefined) throw new UnknownObjectError(name, allowed, note)
  return known
}

/** Edits that a typing error takes, as a share of the name's length. */
const TYPO_SHARE = 1 / 3

function similarTo(name: string, allowed: readonly string[]): string | null {
  const typed = name.toLowerCase()
  const [nearest] = allowed
    .map((other) => ({ other, edits: editDistance(typed, other.toLowerCase()) }))
    .filter(({ other, edits }) => edits <= Math.floor(other.length * TYPO_SHARE))
    .sort((a, b) => a.edits - b.edits)
  return nearest?.other ?? null
}

/** The Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (const [row, letter] of [...a].entries()) {
    const current = [row + 1]
    for (const [column, other] of [...b].entries()) {
      const [diagonal = 0, up = 0] = above.slice(column, column + 2)
      const left = current[column] ?? 0
      current.push(Math.min(up + 1, left + 1, diagonal + (letter === other ? 0 : 1)))
    }
    above = current
  }
  return above.at(-1) ?? 0
}
