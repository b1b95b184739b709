/**
 * Salesforce record ids: 15 case-sensitive characters of `0-9A-Za-z`, or 18 where three more carry
 * the case of the first 15 (Bulk API 2.0 and Bulk API Developer Guide; object key prefixes).
 *
 * Inside Expunge an id is always its canonical 15 bytes. The suffix is derived again when a CSV is
 * written, so an id has one spelling and two spellings of one record cannot both be sent.
 */

/** Bytes of the canonical form. */
export const ID_LENGTH = 15

const SUFFIX_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345'

/** Suffix byte by the five upper-case bits of one block of five characters. */
export const SUFFIX_BYTES: Uint8Array = new TextEncoder().encode(SUFFIX_ALPHABET)

/**
 * Value of a byte as a base-62 digit, 255 where it is no id character. Digits ascend as ASCII does
 * (`0-9 < A-Z < a-z`), so numeric order of ids is byte order.
 */
export const DIGIT: Uint8Array = new Uint8Array(256).fill(255)
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
for (let value = 0; value < DIGITS.length; value++) DIGIT[DIGITS.charCodeAt(value)] = value

const ID_FORM = /^[0-9A-Za-z]{15}(?:[0-9A-Z]{3})?$/

/** The three characters that turn a 15-character id into its 18-character form. */
export function suffixOf(id15: string): string {
  return suffixOfBlock(id15, 0) + suffixOfBlock(id15, 5) + suffixOfBlock(id15, 10)
}

function suffixOfBlock(id15: string, block: number): string {
  let bits = 0
  for (let k = 0; k < 5; k++) {
    const char = id15.charCodeAt(block + k)
    if (char >= 65 && char <= 90) bits |= 1 << k
  }
  return SUFFIX_ALPHABET.charAt(bits)
}

/** The 18-character form of a canonical id. */
export function to18(id15: string): string {
  return id15 + suffixOf(id15)
}

/**
 * The canonical 15 characters of an id in either form, or undefined where the text is no id: wrong
 * length, a foreign character, or a suffix that does not belong to the first 15 characters.
 */
export function canonicalId(text: string): string | undefined {
  if (!ID_FORM.test(text)) return undefined
  const id15 = text.slice(0, ID_LENGTH)
  return text.length === ID_LENGTH || text.endsWith(suffixOf(id15)) ? id15 : undefined
}
