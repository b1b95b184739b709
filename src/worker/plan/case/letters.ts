import { setImmediate } from 'node:timers/promises'
import { canonicalId, ID_LENGTH, SUFFIX_BYTES } from '../../../shared/contract/record-id.ts'
import type { IdRun, IdSet } from '../../ids/id-set.ts'

/** Digits of base 62: 0 to 9, then A to Z, then a to z. */
export const BASE = 62
/** The first ten digits are not letters; 26 letters of each case follow. */
export const DIGITS = 10
export const LETTERS = 26

/** Case of the letters in a run. */
export const NO_LETTER = 0
export const UPPER = 1
export const LOWER = 2
export const BOTH = UPPER | LOWER
/** One of the four values above. */
export type LetterCase = number

/** By digit: `UPPER`, `LOWER` or `NO_LETTER`. */
export const CASE_OF_DIGIT = Uint8Array.from({ length: BASE }, (_, digit) =>
  digit < DIGITS ? NO_LETTER : digit < DIGITS + LETTERS ? UPPER : LOWER,
)

/** The case of the letters in a number written in base 62. */
export function caseOf(number: number): LetterCase {
  let letterCase = NO_LETTER
  for (let rest = number; rest > 0; rest = Math.floor(rest / BASE)) {
    letterCase |= CASE_OF_DIGIT[rest % BASE] ?? NO_LETTER
  }
  return letterCase
}

/**
 * Whether an id of 18 characters was changed to upper or lower case as a whole. Its letters then
 * have one case, but its suffix, whose own case does not matter, says otherwise. A mistyped id
 * keeps letters of both cases.
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

/** About 10 ms of work. Between two portions, locks are renewed and other work runs. */
const IDS_AT_ONCE = 2 ** 18

/** The ids in ascending order. Yields to the event loop regularly. */
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
