import { RefusedError } from '../../../shared/base/errors.ts'
import type { IdSet } from '../../ids/id-set.ts'
import { caseEvidence } from './case-evidence.ts'
import { comesFromChangedPod } from './pods.ts'
import { hasTwins } from './twins.ts'

/** Evidence that comes up in at most one intact list of 100,000. */
const DAMAGED = 100_000

/** What is known besides the ids themselves. */
interface Circumstances {
  /** Id of the Salesforce org; null where it is not known yet. */
  readonly orgId: string | null
  /** Ids of 18 characters in the list that were changed to one case, as their checksum shows. */
  readonly recased: number
}

/**
 * Whether the letters of unchecked ids have changed their case, so that the ids name other records.
 * Judged on the unchecked ids alone: no id that a checksum vouches for speaks for the others. One
 * that a checksum convicts speaks against them: what changed it has changed them too.
 *
 * @param all the unchecked ids and all others of the list
 * @returns why they cannot be trusted, code `CASE_DAMAGED`; null where nothing shows
 */
export async function caseDamageIn(
  unchecked: IdSet,
  all: IdSet,
  { orgId, recased }: Circumstances,
): Promise<RefusedError | null> {
  const { size } = unchecked
  if (size === 0) return null
  if (recased > 0) {
    return caseDamaged(
      `the checksum of 18-character ids in it (${recased}) shows a changed case, so its 15-character ids (${size}) cannot be trusted`,
    )
  }
  if ((await caseEvidence(unchecked)) >= DAMAGED) {
    return caseDamaged(`its 15-character ids (${size}) have letters of one case far beyond chance`)
  }
  if (await comesFromChangedPod(unchecked, all, orgId)) {
    return caseDamaged(
      `some of its 15-character ids (${size}) name the pod of the org, or of others in the list, in another case`,
    )
  }
  if (await hasTwins(unchecked, all)) {
    return caseDamaged(
      `some of its 15-character ids (${size}) are there a second time, with the case of their letters changed`,
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
