import { RefusedError } from '../base/errors.ts'
import { suggest } from '../base/suggest.ts'

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
    const suggestion = suggest(name, allowed) ?? null
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
