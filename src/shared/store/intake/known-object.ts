import { refusalOfObject } from '../../contract/described-object.ts'
import { knownObject } from '../../contract/known-object.ts'
import { BUILT_IN_OBJECTS, isBuiltIn } from '../../contract/objects.ts'
import type { DeletionRequest } from '../../contract/request.ts'
import type { OrgStore } from '../org-store.ts'

const BUILT_IN = BUILT_IN_OBJECTS.map(({ name }) => name)

const NO_RAILS = 'No worker has started for this org yet, so its further objects are unknown.'

/**
 * The request with its object's name as Salesforce spells it, so that the case in which it was
 * typed is no part of its identity. The built-in objects are allowed in every org, so only for
 * others the org's guard rails are read, and what the org last said about the object to a worker.
 *
 * @param configured allowed objects by this process's configuration, for an org without guard rails
 * @throws UnknownObjectError, UnusableObjectError
 */
export async function withKnownObject(
  request: DeletionRequest,
  { ledger }: Pick<OrgStore, 'ledger'>,
  configured: readonly string[] = BUILT_IN,
): Promise<DeletionRequest> {
  return { ...request, object: await find(request.object) }

  async function find(name: string): Promise<string> {
    if (BUILT_IN.includes(name)) return name
    const known = await ledger.rails()
    if (known === null) return knownObject(name, configured, NO_RAILS)
    const { objects } = known.rails
    const object = knownObject(name, Object.keys(objects))
    const described = isBuiltIn(object) ? null : await ledger.describedObject(object)
    const refusal = described && refusalOfObject(object, objects[object] ?? '', described)
    if (refusal !== null) throw refusal
    return object
  }
}
