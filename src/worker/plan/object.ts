import { type Context, LaterError } from '../../shared/base/context.ts'
import { type DescribedObject, refusalOfObject } from '../../shared/contract/described-object.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import { isSameObject } from '../../shared/contract/known-object.ts'
import { type DeletableObject, isBuiltIn } from '../../shared/contract/objects.ts'
import type { Salesforce } from '../../shared/salesforce/client.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'

/**
 * Objects that are not built in are described by the org. That never allows an object: the guard
 * rails name those that may be deleted.
 */

interface Asking {
  readonly store: Pick<OrgStore, 'ledger' | 'org'>
  /** Null without a login. */
  readonly salesforce: Pick<Salesforce, 'access'> | null
}

/**
 * The object with its key prefix, as the org says.
 *
 * @param allowed an object of the guard rails; its prefix may be empty
 * @throws UnusableObjectError if its records cannot be deleted, or its prefix is another one
 * @throws LaterError if the org cannot be asked now
 */
export async function withPrefix(
  allowed: DeletableObject,
  asking: Asking,
  ctx: Pick<Context, 'signal'>,
): Promise<DeletableObject> {
  const { name, prefix: pinned } = allowed
  if (isBuiltIn(name)) return allowed
  const described =
    (await asking.store.ledger.describedObject(name)) ?? (await ask(name, asking, ctx))
  if (described === null) {
    if (pinned !== '') return allowed
    throw new LaterError(`Without a login, the key prefix of ${name} is unknown.`)
  }
  const refusal = refusalOfObject(name, pinned, described)
  if (refusal !== null) throw refusal
  return { name, prefix: described.prefix ?? pinned }
}

/** Asks the org, and saves the answer for others. Null without a login. */
async function ask(
  name: string,
  { store, salesforce }: Asking,
  { signal }: Pick<Context, 'signal'>,
): Promise<DescribedObject | null> {
  if (salesforce === null) return null
  try {
    const found = await salesforce.access.describe(name, signal)
    // An answer about another object must not choose what is deleted.
    if (found !== null && !isSameObject(found.name, name)) {
      throw new LaterError(
        `The org ${store.org} was asked about ${name} and told of ${found.name}.`,
      )
    }
    const described = {
      visible: found !== null,
      deletable: found?.deletable ?? false,
      prefix: found?.keyPrefix ?? null,
    }
    await store.ledger.noteObject(name, described)
    return described
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof SalesforceError)) throw error
    throw new LaterError(`The org ${store.org} does not describe ${name} now: ${error.message}`)
  }
}

/**
 * Asks about every allowed object that is not built in, so that producers refuse those that cannot
 * be deleted before anybody submits one. Objects that cannot be described are logged.
 */
export async function describeObjects(
  { objects }: Pick<GuardRails, 'objects'>,
  asking: Asking,
  { log, signal }: Pick<Context, 'log' | 'signal'>,
): Promise<void> {
  const others = Object.entries(objects).filter(([name]) => !isBuiltIn(name))
  await Promise.all(others.map(([name, pinned]) => describeOne(name, pinned)))

  async function describeOne(name: string, pinned: string): Promise<void> {
    try {
      const described = await ask(name, asking, { signal })
      const refusal = described && refusalOfObject(name, pinned, described)
      if (refusal !== null) log.warn({ object: name, code: refusal.code }, refusal.message)
    } catch (error) {
      if (!(error instanceof LaterError)) throw error
      log.warn({ object: name }, error.message)
    }
  }
}

/** The allowed objects whose prefixes are known, to name the object of an id of another one. */
export async function prefixesOf(
  { objects }: Pick<GuardRails, 'objects'>,
  { ledger }: Asking['store'],
): Promise<readonly DeletableObject[]> {
  const known = await Promise.all(
    Object.entries(objects).map(async ([name, pinned]) => ({
      name,
      prefix: pinned || ((await ledger.describedObject(name))?.prefix ?? ''),
    })),
  )
  return known.filter(({ prefix }) => prefix !== '')
}
