import { z } from 'zod'
import { RefusedError } from '../base/errors.ts'

/** What an org says about an object (sObject Describe), to the user of the worker's login. */
export const describedObject = z.object({
  /** Whether the user sees the object. */
  visible: z.boolean(),
  /** Whether the user may delete its records. */
  deletable: z.boolean(),
  /** The key prefix of its ids; null for objects without. */
  prefix: z.string().nullable(),
})
export type DescribedObject = Readonly<z.output<typeof describedObject>>

/** The org allows the object, but records of it cannot be deleted as the configuration says. */
export class UnusableObjectError extends RefusedError {}

/**
 * Why records of the object cannot be deleted; null if they can.
 *
 * @param pinned the key prefix in the configuration; empty for none
 */
export function refusalOfObject(
  name: string,
  pinned: string,
  { visible, deletable, prefix }: DescribedObject,
): UnusableObjectError | null {
  const settings = `Setup, Permission Sets (or Profiles), the user's, Object Settings, ${name}`
  if (!visible) {
    return unusable(
      `The org has no object ${name} that the user of the login sees. Check the name and ${settings}: enable Read.`,
    )
  }
  if (!deletable) {
    return unusable(
      `The user of the login may not delete ${name} records. Check ${settings}: enable Delete. Some objects allow it to nobody.`,
    )
  }
  if (prefix === null) {
    return unusable(`${name} has no records with ids of their own, so none can be deleted.`)
  }
  if (pinned === '' || pinned === prefix) return null
  return new UnusableObjectError(
    'OTHER_PREFIX',
    `The ids of ${name} begin with ${prefix} in this org, and with ${pinned} in the configuration. ` +
      `Correct objects.${name}.prefix, or remove it: then the org is asked. Apply it with \`expunge policy --apply\`.`,
  )
}

const unusable = (why: string): UnusableObjectError =>
  new UnusableObjectError('OBJECT_NOT_DELETABLE', why)
