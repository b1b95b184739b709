import { RefusedError } from '../../../shared/errors.ts'
import type { IdSet } from '../../id-set.ts'
import { caseEvidence } from './case-evidence.ts'
import { comesFromChangedPod } from './pods.ts'
import { hasTwins } from './twins.ts'

/** Evidence that comes up in at most one intact list of 100,000. */
const DAMAGED = 100_000

/**
 * Whether the letters of unchecked ids have changed their case, so that the ids name other records.
 * Judged on the unchecked ids alone: no id that a checksum vouches for speaks for the others.
 *
 * @param all the unchecked ids and all others of the list
 * @param orgId id of the Salesforce org; null where it is not known yet
 * @returns why they cannot be trusted, code `CASE_DAMAGED`; null where nothing shows
 */
export async function caseDamageIn(
  unchecked: IdSet,
  all: IdSet,
  orgId: string | null,
): Promise<RefusedError | null> {
  const { size } = unchecked
  if (size === 0) return null
  if ((await caseEvidence(unchecked)) >= DAMAGED) {
    return caseDamaged(`${size} ids of 15 characters have letters of one case far beyond chance`)
  }
  if (await comesFromChangedPod(unchecked, all, orgId)) {
    return caseDamaged(
      `of ${size} ids of 15 characters, some name the pod of the org, or of others in the list, in another case`,
    )
  }
  if (await hasTwins(unchecked, all)) {
    return caseDamaged(
      `of ${size} ids of 15 characters, some are in the list a second time, with the case of their letters changed`,
    )
  }
  return null
}

function caseDamaged(what: string): RefusedError {
  return new RefusedError(
    'CASE_DAMAGED',
    `The list seems to have been changed to upper or lower case, in whole or in part: ${what}. Such ids name other records, so ` +
      'onUnchecked "accept" does not lift this. Nothing was deleted. Export ids of 18 characters from Salesforce ' +
      '(the formula CASESAFEID(Id), a report by API).',
  )
}
