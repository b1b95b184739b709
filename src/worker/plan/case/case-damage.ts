import { RefusedError } from '../../../shared/base/errors.ts'
import { highOf, podOf } from '../../ids/id-set/digits.ts'
import type { IdSet } from '../../ids/id-set.ts'
import { caseEvidence } from './case-evidence.ts'
import {
  BASE,
  BOTH,
  CASE_OF_DIGIT,
  caseOf,
  type LetterCase,
  runsInTurns,
  UPPER,
} from './letters.ts'
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

/**
 * Whether unchecked ids come from a pod that seems to be another one with its case changed. The two
 * characters behind the key prefix name the pod in which a record was created; the ids of an org are
 * of a few of the 3,844 there are, and that two of them differ in case alone is chance for one
 * in so many. Where all letters of such ids are of one case besides, they were changed: this shows in
 * a single id, and wherever the pod has a letter of the other case.
 *
 * @param all the ids of the list, unchecked or not
 * @param orgId id of the Salesforce org, whose own pod is known; null where it is not known yet
 */
async function comesFromChangedPod(
  unchecked: IdSet,
  all: IdSet,
  orgId: string | null,
): Promise<boolean> {
  const known = new Set([...all.highs()].map(podOf))
  if (orgId !== null) known.add(podOf(highOf(viewOf(orgId), 0)))
  const suspects = [...new Set([...unchecked.highs()].map(podOf))].filter(
    (pod) => caseOf(pod) !== BOTH && [...known].some((other) => isTwin(pod, other)),
  )
  for (const pod of suspects) if ((await caseOfPod(unchecked, pod)) === caseOf(pod)) return true
  return false
}

function isTwin(a: number, b: number): boolean {
  const [a1, a2] = [foldOf(Math.floor(a / BASE)), foldOf(a % BASE)]
  const [b1, b2] = [foldOf(Math.floor(b / BASE)), foldOf(b % BASE)]
  return a !== b && a1 === b1 && a2 === b2
}

function foldOf(digit: number): number {
  return CASE_OF_DIGIT[digit] === UPPER ? digit + 26 : digit
}

/** Of all letters in the ids of the pod. */
async function caseOfPod(ids: IdSet, pod: number): Promise<LetterCase> {
  let letterCase = 0
  for await (const { head, lows } of runsInTurns(ids)) {
    const high = highOf(head, 0)
    if (podOf(high) !== pod) continue
    letterCase |= caseOf(high)
    for (const low of lows) {
      if (letterCase === BOTH) return BOTH
      letterCase |= caseOf(low)
    }
  }
  return letterCase
}

function viewOf(id: string): DataView {
  return new DataView(Uint8Array.from(Buffer.from(id, 'latin1')).buffer)
}
