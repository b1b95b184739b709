import { DIGIT } from '../../../shared/contract/record-id.ts'

/**
 * The twelve characters after an id's key prefix, read as a number in base 62 and split in two: the
 * high seven digits, which all ids of one server block share, and the low five, which fit into 32
 * bits. Digits sort like their bytes, so ascending numbers are ascending ids.
 */

/** Length of the key prefix and the high digits, which the ids of one bucket share. */
const HEAD_LENGTH = 10
const PREFIX_LENGTH = 3

const BASE = 62
const BASE_SQUARED = BASE * BASE

/** Value of two digits by their bytes, the first in the low byte; and the bytes by that value. */
const PAIR_VALUES = new Uint16Array(2 ** 16)
const PAIR_BYTES = new Uint16Array(BASE_SQUARED)
for (const [first, high] of DIGIT.entries()) {
  for (const [second, low] of DIGIT.entries()) {
    if (high >= BASE || low >= BASE) continue
    const bytes = first | (second << 8)
    PAIR_VALUES[bytes] = high * BASE + low
    PAIR_BYTES[high * BASE + low] = bytes
  }
}

/** The key prefix of the id at `at`, as a number. */
export function prefixOf(ids: DataView, at: number): number {
  return ids.getUint32(at, true) & 0xffffff
}

/** The high seven digits: below 62^7, which a double holds exactly. */
export function highOf(ids: DataView, at: number): number {
  const five = fiveDigits(ids, at + PREFIX_LENGTH)
  return five * BASE_SQUARED + pairAt(ids, at + PREFIX_LENGTH + 5)
}

/** The first two of the high seven digits: the pod in which the record was created. */
export function podOf(high: number): number {
  return Math.floor(high / BASE ** 5)
}

/** The low five digits, below 62^5. */
export function lowOf(ids: DataView, at: number): number {
  return fiveDigits(ids, at + HEAD_LENGTH)
}

/** The ten characters that the ids of a bucket begin with, as a template of an id. */
export function spellHead(prefix: number, high: number): DataView {
  const head = new DataView(new ArrayBuffer(HEAD_LENGTH))
  head.setUint8(0, prefix)
  head.setUint8(1, prefix >> 8)
  head.setUint8(2, prefix >> 16)
  let rest = high
  for (let at = HEAD_LENGTH - 1; at >= PREFIX_LENGTH; at--) {
    head.setUint8(at, letter(rest % BASE))
    rest = Math.floor(rest / BASE)
  }
  return head
}

/** Writes the canonical 15 bytes of an id. */
export function spellId(head: DataView, low: number, out: DataView, at: number): void {
  out.setUint32(at, head.getUint32(0))
  out.setUint32(at + 4, head.getUint32(4))
  out.setUint16(at + 8, head.getUint16(8))
  // `| 0` keeps integer arithmetic; below 2^30 it rounds like Math.floor.
  const middle = (low / BASE_SQUARED) | 0
  out.setUint8(at + 10, letter((middle / BASE_SQUARED) | 0))
  out.setUint16(at + 11, PAIR_BYTES[middle % BASE_SQUARED] ?? 0, true)
  out.setUint16(at + 13, PAIR_BYTES[low % BASE_SQUARED] ?? 0, true)
}

function fiveDigits(ids: DataView, at: number): number {
  const last = PAIR_VALUES[(ids.getUint8(at + 4) << 8) | ZERO] ?? 0
  return (pairAt(ids, at) * BASE_SQUARED + pairAt(ids, at + 2)) * BASE + last
}

/** The byte of the digit 0: as the leading digit it does not change the value. */
const ZERO = 48

function pairAt(ids: DataView, at: number): number {
  return PAIR_VALUES[ids.getUint16(at, true)] ?? 0
}

function letter(digit: number): number {
  return (PAIR_BYTES[digit] ?? 0) >> 8
}
