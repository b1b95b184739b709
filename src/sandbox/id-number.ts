import { DIGIT, ID_LENGTH, SUFFIX_BYTES } from '../shared/contract/record-id.ts'

/**
 * One record id as three numbers: base 62 of its key prefix (3 characters), its next 7 and its last
 * 5. Parsing writes into an existing object, because millions of rows would otherwise be garbage.
 */
export interface IdNumber {
  prefix: number
  /** Below 62^7 = 3.5e12: exact as a double. */
  high: number
  /** Below 62^5 = 916,132,832: fits 32 bits. */
  low: number
}

export const idNumber = (): IdNumber => ({ prefix: 0, high: 0, low: 0 })

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const FOREIGN = 255

/** Reads the 15 or 18 characters at `start`; false where they are no id or the suffix is wrong. */
export function parseId(bytes: Uint8Array, start: number, end: number, id: IdNumber): boolean {
  const length = end - start
  if (length !== ID_LENGTH && length !== ID_LENGTH + 3) return false
  const prefix = digits(bytes, start, 3)
  const high = digits(bytes, start + 3, 7)
  const low = digits(bytes, start + 10, 5)
  if (prefix < 0 || high < 0 || low < 0) return false
  if (length > ID_LENGTH && !hasItsSuffix(bytes, start)) return false
  id.prefix = prefix
  id.high = high
  id.low = low
  return true
}

/** The same for text from a rule, a query or a test. */
export function parseIdText(text: string): IdNumber | undefined {
  const id = idNumber()
  const bytes = new TextEncoder().encode(text)
  return parseId(bytes, 0, bytes.length, id) ? id : undefined
}

/** The number of a three-character key prefix. */
export function prefixNumber(prefix: string): number {
  return digits(new TextEncoder().encode(prefix), 0, 3)
}

/** `length` base-62 digits of a number, as Salesforce counts up its ids. */
export function base62(value: number, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest = Math.floor(rest / 62)) {
    text = DIGITS.charAt(rest % 62) + text
  }
  return text
}

/** The three suffix bytes of the id at `start`, by block of five characters: 0, 1 or 2. */
export function suffixByte(bytes: Uint8Array, start: number, block: number): number {
  let bits = 0
  for (let k = 0; k < 5; k++) {
    const byte = bytes[start + block * 5 + k] ?? 0
    if (byte >= 65 && byte <= 90) bits |= 1 << k
  }
  return SUFFIX_BYTES[bits] ?? 0
}

function digits(bytes: Uint8Array, start: number, count: number): number {
  let value = 0
  for (let k = start; k < start + count; k++) {
    const digit = DIGIT[bytes[k] ?? 0] ?? FOREIGN
    if (digit === FOREIGN) return -1
    value = value * 62 + digit
  }
  return value
}

function hasItsSuffix(bytes: Uint8Array, start: number): boolean {
  for (let block = 0; block < 3; block++) {
    if (bytes[start + ID_LENGTH + block] !== suffixByte(bytes, start, block)) return false
  }
  return true
}
