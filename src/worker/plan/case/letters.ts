import { setImmediate } from 'node:timers/promises'
import { canonicalId, ID_LENGTH, SUFFIX_BYTES } from '../../../shared/contract/record-id.ts'
import type { IdRun, IdSet } from '../../ids/id-set.ts'

/** Digits of base 62: 0 to 9, then A to Z, then a to z. */
export const BASE = 62
/** Of the first digits none is a letter, then come so many of each case. */
export const DIGITS = 10
export const LETTERS = 26

/** Case of the letters in a run. */
export const NO_LETTER = 0
export const UPPER = 1
export const LOWER = 2
export const BOTH = UPPER | LOWER
/** One of these four. */
export type LetterCase = number

/** By digit: `UPPER`, `LOWER` or `NO_LETTER`. */
export const CASE_OF_DIGIT = Uint8Array.from({ length: BASE }, (_, digit) =>
  digit < DIGITS ? NO_LETTER : digit < DIGITS + LETTERS ? UPPER : LOWER,
)

/** The case of a number's letters, written in base 62. */
export function caseOf(number: number): LetterCase {
  let letterCase = NO_LETTER
  for (let rest = number; rest > 0; rest = Math.floor(rest / BASE)) {
    letterCase |= CASE_OF_DIGIT[rest % BASE] ?? NO_LETTER
  }
  return letterCase
}

/**
 * Whether a text is an id of 18 characters that was changed to upper or lower case as a whole: its
 * letters are of one case, and its suffix, whose own case says nothing, gives them another one. A
 * mistyped id keeps letters of both cases.
 */
export function isRecased(id: string): boolean {
  if (id !== id.toUpperCase() && id !== id.toLowerCase()) return false
  const [letters, suffix] = [id.slice(0, ID_LENGTH), id.slice(ID_LENGTH).toUpperCase()]
  const bits = Array.from(suffix, (char) => SUFFIX_BYTES.indexOf(char.charCodeAt(0)))
  const restored = Array.from(letters, (char, at) => {
    const isUpper = (((bits[Math.floor(at / 5)] ?? 0) >> (at % 5)) & 1) === 1
    return isUpper ? char.toUpperCase() : char.toLowerCase()
  }).join('')
  return restored + suffix !== id && canonicalId(restored + suffix) === restored
}

/** Some 10 ms of work: locks are renewed and others served in between. */
const IDS_AT_ONCE = 2 ** 18

/** The ids, ascending, with a turn for others now and then. */
export async function* runsInTurns(ids: IdSet): AsyncGenerator<IdRun> {
  let count = 0
  for (const run of ids.runs()) {
    yield run
    count += run.lows.length
    if (count < IDS_AT_ONCE) continue
    count = 0
    await setImmediate()
  }
}
