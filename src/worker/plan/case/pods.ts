import { highOf, podOf } from '../../ids/id-set/digits.ts'
import type { IdSet } from '../../ids/id-set.ts'
import { gentleRuns } from './gentle-runs.ts'
import { BASE, BOTH, CASE_OF_DIGIT, caseOf, type LetterCase, UPPER } from './run-odds.ts'

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
export async function comesFromChangedPod(
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
  for await (const { head, lows } of gentleRuns(ids)) {
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
