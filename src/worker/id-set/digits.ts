import { DIGIT, ID_LENGTH } from '../../shared/record-id.ts'

/**
 * The twelve characters after an id's key prefix, read as a number in base 62 and split in two: the
 * high seven digits, which all ids of one server block share, and the low five, which fit 32 bits.
 * Digits ascend as bytes do, so ascending numbers are ascending ids.
 */

export const PREFIX_LENGTH = 3
/** Prefix and high digits: what the ids of one bucket share. */
export const HEAD_LENGTH = 10
const ALPHABET = new Uint8Array(62)
for (const [byte, value] of DIGIT.entries()) if (value < 62) ALPHABET[value] = byte

/** One past the largest low number, 62^5. */
export const LOW_END = 916_132_832

/** The two last digits of a number at once: division is what spelling ids costs. */
const PAIRS = new Uint8Array(62 * 62 * 2)
for (let value = 0; value < 62 * 62; value++) {
  PAIRS[value * 2] = letter(Math.floor(value / 62))
  PAIRS[value * 2 + 1] = letter(value % 62)
}

/** The high seven digits of the id at `at`: up to 62^7, a whole number that a double holds. */
export function highOf(ids: Uint8Array, at: number): number {
  const five = fiveDigits(ids, at + PREFIX_LENGTH)
  return five * 3844 + digit(ids, at + 8) * 62 + digit(ids, at + 9)
}

/** The low five digits of the id at `at`, below 62^5. */
export function lowOf(ids: Uint8Array, at: number): number {
  return fiveDigits(ids, at + HEAD_LENGTH)
}

/** The ten characters that all ids of one bucket begin with. */
export function spellHead(prefix: Uint8Array, high: number): Uint8Array {
  const head = new Uint8Array(HEAD_LENGTH)
  head.set(prefix)
  let rest = high
  for (let at = HEAD_LENGTH - 1; at >= PREFIX_LENGTH; at--) {
    head[at] = letter(rest % 62)
    rest = Math.floor(rest / 62)
  }
  return head
}

/** Writes the canonical 15 bytes of an id. */
export function spellId(head: Uint8Array, low: number, out: Uint8Array, at: number): void {
  for (let k = 0; k < HEAD_LENGTH; k++) out[at + k] = head[k] ?? 0
  const top = Math.floor(low / 14_776_336)
  const middle = Math.floor(low / 3844) % 3844
  const bottom = low % 3844
  out[at + 10] = letter(top)
  out[at + 11] = PAIRS[middle * 2] ?? 0
  out[at + 12] = PAIRS[middle * 2 + 1] ?? 0
  out[at + 13] = PAIRS[bottom * 2] ?? 0
  out[at + 14] = PAIRS[bottom * 2 + 1] ?? 0
}

/** Whether two ids of one buffer share prefix and high digits; the last differ soonest. */
export function sameHead(ids: Uint8Array, a: number, b: number): boolean {
  for (let k = HEAD_LENGTH - 1; k >= PREFIX_LENGTH; k--) if (ids[a + k] !== ids[b + k]) return false
  return true
}

export function hasPrefix(ids: Uint8Array, at: number, prefix: Uint8Array): boolean {
  return ids[at] === prefix[0] && ids[at + 1] === prefix[1] && ids[at + 2] === prefix[2]
}

/** Bytes of `count` ids. */
export function bytesOf(count: number): number {
  return count * ID_LENGTH
}

function fiveDigits(ids: Uint8Array, at: number): number {
  return (
    (((digit(ids, at) * 62 + digit(ids, at + 1)) * 62 + digit(ids, at + 2)) * 62 +
      digit(ids, at + 3)) *
      62 +
    digit(ids, at + 4)
  )
}

function digit(ids: Uint8Array, at: number): number {
  return DIGIT[ids[at] ?? 0] ?? 0
}

function letter(value: number): number {
  return ALPHABET[value] ?? 0
}
