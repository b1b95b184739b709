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

/** At most one intact list in 100,000 reaches this much evidence. */
const DAMAGED = 100_000

/** Facts besides the ids themselves. */
interface Circumstances {
  /** Id of the Salesforce org; null while it is unknown. */
  readonly orgId: string | null
  /** Ids of 18 characters in the list whose checksum shows that they were changed to one case. */
  readonly recased: number
}

/**
 * Whether the letters of unchecked ids changed case, so that the ids name other records. Only the
 * unchecked ids count: ids with a correct checksum say nothing about them. A checksum that shows a
 * changed case counts against them, because the same change affected them too.
 *
 * @param all the unchecked ids and all others of the list
 * @returns why the ids cannot be trusted, code `CASE_DAMAGED`; null if nothing is found
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
      'no option overrides this. Export ids of 18 characters from Salesforce ' +
      '(with the formula CASESAFEID(Id) or a report by API).',
  )
}

/**
 * Whether unchecked ids come from a pod that looks like another pod with its case changed. The two
 * characters after the key prefix name the pod in which a record was created. An org's ids come
 * from a few of the 3,844 possible pods, so two pods that differ only in case are rarely a
 * coincidence. If all letters of such ids also have one case, the ids were changed. A single id is
 * enough to show this, provided that the original pod has a letter of the other case.
 *
 * @param all the ids of the list, unchecked or not
 * @param orgId id of the Salesforce org, whose own pod is known; null while it is unknown
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

/** The case of all letters in the ids of one pod. */
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
