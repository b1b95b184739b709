import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  BASE,
  BOTH,
  CASE_OF_DIGIT,
  type LetterCase,
  LOWER,
  NO_LETTER,
  UPPER,
} from '../../../../src/worker/plan/case/letters.ts'
import {
  HOLE_CHANCE,
  holeEvidence,
  oneCaseChance,
  RunCounts,
} from '../../../../src/worker/plan/case/runs.ts'

/** The letters that a run has which begins at this digit. */
function caseOfRun(start: number, length: number): LetterCase {
  let letterCase = NO_LETTER
  for (let n = start; n < start + length; n++) letterCase |= CASE_OF_DIGIT[n % BASE] ?? NO_LETTER
  return letterCase
}

/** By counting: how the runs of this length that have letters share out over the 62 beginnings. */
function sharesOf(length: number): ReadonlyMap<LetterCase, number> {
  const cases = Array.from({ length: BASE }, (_, start) => caseOfRun(start, length))
  const lettered = cases.filter((letterCase) => letterCase !== NO_LETTER)
  const share = (wanted: LetterCase) =>
    lettered.filter((letterCase) => letterCase === wanted).length / lettered.length
  return new Map([UPPER, LOWER, BOTH].map((letterCase) => [letterCase, share(letterCase)]))
}

test('a run of neighbours has letters of one case as often as counting says', () => {
  for (let length = 1; length <= 130; length++) {
    const shares = sharesOf(length)
    assert.ok(Math.abs(oneCaseChance(length) - (shares.get(UPPER) ?? 0)) < 1e-12, `${length}`)
    assert.equal(shares.get(UPPER), shares.get(LOWER))
  }
})

describe('the evidence of intact lists is 1 on average', () => {
  test('of runs, whatever their lengths', () => {
    for (const lengths of [
      [1, 1],
      [1, 2, 5],
      [10, 11, 12],
      [36, 36],
      [36, 37],
      [1, 36, 90],
    ]) {
      let mean = 0
      const visit = (cases: readonly LetterCase[], chance: number) => {
        if (cases.length < lengths.length) {
          for (const [letterCase, share] of sharesOf(lengths[cases.length] ?? 1)) {
            if (share > 0) visit([...cases, letterCase], chance * share)
          }
          return
        }
        const counts = new RunCounts(1)
        for (const [at, letterCase] of cases.entries()) counts.add(0, lengths[at] ?? 1, letterCase)
        mean += chance * counts.evidence()
      }
      visit([], 1)
      assert.ok(mean <= 1 + 1e-9, `${lengths}: ${mean}`)
      assert.ok(lengths.some((length) => length > 36) || mean > 1 - 1e-9, `${lengths}: ${mean}`)
    }
  })

  test('of holes', () => {
    const mean = HOLE_CHANCE * holeEvidence(1, 0) + (1 - HOLE_CHANCE) * holeEvidence(0, 1)
    assert.ok(Math.abs(mean - 1) < 1e-9, `${mean}`)
  })
})

test('a position with one run alone, such as the pod, is no evidence', () => {
  const counts = new RunCounts(2)
  counts.add(0, 1, UPPER)
  counts.add(1, 1, UPPER)
  assert.equal(counts.size, 0)
  assert.equal(counts.evidence(), 1)
  counts.add(1, 1, UPPER)
  assert.equal(counts.size, 2)
  assert.ok(counts.evidence() > 1)
})

test('twenty-odd letters of one case, each a run of its own, are damage; fifteen may be chance', () => {
  const evidence = (letters: number) => {
    const counts = new RunCounts(1)
    for (let k = 0; k < letters; k++) counts.add(0, 1, LOWER)
    return counts.evidence()
  }
  assert.ok(evidence(22) > 100_000)
  assert.ok(evidence(15) < 100_000)
})
