import { DIGIT, ID_LENGTH, SUFFIX_BYTES } from '../../shared/contract/record-id.ts'

/**
 * Checks and writes record ids as bytes; the inner part of the hot loops. It looks up two
 * characters at a time, and finds the suffix by the upper-case bits of all fifteen: 11 ns per id;
 * one lookup per character took 50 (measured).
 */

const INVALID = 0x80

/** By two bytes, the first in the low byte: an upper-case bit for each, or INVALID. */
const PAIRS = new Uint8Array(2 ** 16)
for (let bytes = 0; bytes < PAIRS.length; bytes++) {
  const [first, second] = [upper(bytes & 0xff), upper(bytes >> 8)]
  PAIRS[bytes] = first === INVALID || second === INVALID ? INVALID : first | (second << 1)
}

/**
 * The three suffix bytes, the first in the lowest byte, by the upper-case bits of fifteen
 * characters.
 */
const SUFFIXES = new Uint32Array(2 ** ID_LENGTH)
for (let bits = 0; bits < SUFFIXES.length; bits++) {
  SUFFIXES[bits] = suffix(bits) | (suffix(bits >> 5) << 8) | (suffix(bits >> 10) << 16)
}

/**
 * Upper-case bits of the 15 bytes at `at`, the first in the lowest bit; -1 if a byte is not
 * allowed.
 */
export function caseBits(bytes: DataView, at: number): number {
  const a = bytes.getUint32(at, true)
  const b = bytes.getUint32(at + 4, true)
  const c = bytes.getUint32(at + 8, true)
  const p0 = pair(a & 0xffff)
  const p1 = pair(a >>> 16)
  const p2 = pair(b & 0xffff)
  const p3 = pair(b >>> 16)
  const p4 = pair(c & 0xffff)
  const p5 = pair(c >>> 16)
  const p6 = pair(bytes.getUint16(at + 12, true))
  // The last byte is doubled to form a pair; the pair's upper bit is discarded.
  const p7 = pair(bytes.getUint8(at + 14) * 0x101)
  if (((p0 | p1 | p2 | p3 | p4 | p5 | p6 | p7) & INVALID) !== 0) return -1
  return (
    p0 | (p1 << 2) | (p2 << 4) | (p3 << 6) | (p4 << 8) | (p5 << 10) | (p6 << 12) | ((p7 & 1) << 14)
  )
}

/** The three suffix bytes for these bits, the first in the lowest byte. */
export function suffixOfBits(bits: number): number {
  return SUFFIXES[bits] ?? 0
}

/** Whether the three bytes after the 15 at `at` are the suffix for these bits. */
export function hasSuffix(bytes: DataView, at: number, bits: number): boolean {
  return bytes.getUint32(at + ID_LENGTH - 1, true) >>> 8 === SUFFIXES[bits]
}

/** Whether the bytes are 15 or 18 id characters. The suffix is not checked. */
export function hasIdForm(bytes: DataView, from: number, to: number): boolean {
  if (to - from === ID_LENGTH) return caseBits(bytes, from) >= 0
  return to - from === ID_LENGTH + 3 && caseBits(bytes, from) >= 0 && caseBits(bytes, from + 3) >= 0
}

/** Copies the canonical 15 bytes. */
export function copyId(from: DataView, at: number, to: DataView, toAt: number): void {
  to.setUint32(toAt, from.getUint32(at))
  to.setUint32(toAt + 4, from.getUint32(at + 4))
  to.setUint32(toAt + 8, from.getUint32(at + 8))
  to.setUint32(toAt + 11, from.getUint32(at + 11))
}

function pair(bytes: number): number {
  return PAIRS[bytes] ?? INVALID
}

function upper(byte: number): number {
  if (DIGIT[byte] === 255) return INVALID
  return byte >= 65 && byte <= 90 ? 1 : 0
}

function suffix(bits: number): number {
  return SUFFIX_BYTES[bits & 31] ?? 0
}
