import { DIGIT, SUFFIX_BYTES } from '../../shared/record-id.ts'

/**
 * Checks of a record id on bytes, by table: the inner part of the hot loop. Upper-case letters of
 * five characters make five bits, and the bits make the suffix character of that block.
 */

/** 1 for an upper-case letter, 0 for another id character, INVALID for the rest. */
const UPPER = new Uint8Array(256)
const INVALID = 0x80
for (const [byte, digit] of DIGIT.entries()) {
  UPPER[byte] = digit === 255 ? INVALID : byte >= 65 && byte <= 90 ? 1 : 0
}

/** More than a byte can be wherever the bits say INVALID, so that no suffix character equals it. */
const SUFFIX = new Uint16Array(INVALID << 5).fill(0xffff)
SUFFIX.set(SUFFIX_BYTES)

/** Upper-case bits of five characters from `at`; above 31 where one of them is no id character. */
export function caseBits(bytes: Uint8Array, at: number): number {
  return (
    upper(bytes, at) |
    (upper(bytes, at + 1) << 1) |
    (upper(bytes, at + 2) << 2) |
    (upper(bytes, at + 3) << 3) |
    (upper(bytes, at + 4) << 4)
  )
}

/** Whether the 18 bytes from `at` are an id whose suffix fits. */
export function isId18(bytes: Uint8Array, at: number): boolean {
  return (
    SUFFIX[caseBits(bytes, at)] === bytes[at + 15] &&
    SUFFIX[caseBits(bytes, at + 5)] === bytes[at + 16] &&
    SUFFIX[caseBits(bytes, at + 10)] === bytes[at + 17]
  )
}

/** Whether the bytes look like an id: 15 or 18 id characters. */
export function hasIdForm(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from !== 15 && to - from !== 18) return false
  for (let at = from; at < to; at++) if (upper(bytes, at) === INVALID) return false
  return true
}

/** Whether one of the 12 characters after the key prefix is an upper-case letter. */
export function hasUpperCase(bytes: Uint8Array, at: number): boolean {
  for (let k = 3; k < 15; k++) if (upper(bytes, at + k) === 1) return true
  return false
}

function upper(bytes: Uint8Array, at: number): number {
  return UPPER[bytes[at] ?? 0] ?? INVALID
}
