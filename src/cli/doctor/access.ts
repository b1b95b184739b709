import type { DeletableObject } from '../../shared/contract/objects.ts'
import type { Salesforce } from '../../shared/salesforce/client.ts'
import { type Finding, fail, failed, ok, warn } from './finding.ts'

interface Asked {
  readonly object: DeletableObject
  /** Also past the Recycle Bin, as the configuration allows it for this org. */
  readonly hardDelete: { readonly isAllowed: boolean; readonly org: string } | null
}

/** What the user may do with one object, one by one, each with the place in Setup to change it. */
export async function checkAccess(
  name: (check: string) => string,
  { object, hardDelete }: Asked,
  { access }: Pick<Salesforce, 'access'>,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  return [
    await checked(name('Bulk API'), async (check) => {
      await access.bulkApi(signal)
      return [ok(check, 'answers this user')]
    }),
    await checked(name(object.name), async (check) => {
      const found = await access.describe(object.name, signal)
      if (found === null) {
        const advice = `${objectSettings(object.name)}: enable Read. Check that the org has the feature licensed.`
        return [fail(check, 'the user does not see the object', advice)]
      }
      const { deletable, keyPrefix } = found
      const prefix = keyPrefix ?? object.prefix
      if (prefix === '') {
        return [fail(check, 'its records have no ids of their own', 'Choose another object.')]
      }
      return [
        object.prefix === '' || prefix === object.prefix
          ? ok(check, `visible; its ids begin with ${prefix}`)
          : fail(
              check,
              `its ids begin with ${keyPrefix}, not ${object.prefix}`,
              `Correct objects.${object.name}.prefix in the configuration, or remove it.`,
            ),
        deletable
          ? ok(name('Delete'), `the user may delete ${object.name} records that it has access to`)
          : fail(
              name('Delete'),
              `the user may not delete ${object.name} records`,
              `${objectSettings(object.name)}: enable Delete.`,
            ),
      ]
    }),
    ...(hardDelete === null ? [] : [await checkHardDelete(name, hardDelete, { access }, signal)]),
  ].flat()
}

const objectSettings = (object: string) =>
  `Setup, Permission Sets (or Profiles), the user's, Object Settings, ${object}`

function checkHardDelete(
  name: (check: string) => string,
  { isAllowed, org }: NonNullable<Asked['hardDelete']>,
  { access }: Pick<Salesforce, 'access'>,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  return checked(name('Hard delete'), async (check) => {
    const may = await access.mayHardDelete(signal)
    const advice =
      "Setup, Permission Sets (or Profiles), the user's, System Permissions: enable Bulk API Hard Delete."
    if (may === false) return [fail(check, 'the user lacks "Bulk API Hard Delete"', advice)]
    if (!isAllowed) {
      const setting = `Set orgs.${org}.hardDelete: true in the configuration file.`
      return [fail(check, 'the configuration does not allow it', setting)]
    }
    return may === null
      ? [warn(check, 'the org does not tell whether the user has the permission', advice)]
      : [ok(check, 'the user has "Bulk API Hard Delete"')]
  })
}

async function checked(
  check: string,
  look: (check: string) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await look(check)
  } catch (error) {
    return [failed(check, error)]
  }
}
