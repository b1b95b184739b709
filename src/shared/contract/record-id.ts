/**
 * Salesforce record ids: 15 case-sensitive characters of `0-9A-Za-z`, or 18, of which the last three
 * encode the case of the first 15 (Bulk API 2.0 and Bulk API Developer Guide; object key prefixes).
 *
 * Inside Expunge an id is always its canonical 15 bytes. The suffix is derived again when a CSV is
 * written. Each id has one form, so that a record cannot be sent twice under two.
 */

/** Length of the canonical form in bytes. */
export const ID_LENGTH = 15

const SUFFIX_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345'

/** Suffix byte for the five upper-case bits of a block of five characters. */
export const SUFFIX_BYTES: Uint8Array = new TextEncoder().encode(SUFFIX_ALPHABET)

/**
 * Value of a byte as a base-62 digit, 255 if it is no id character. Digits ascend as in ASCII
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
 * The canonical 15 characters of an id in either form. Undefined if the text is no id: wrong length,
 * another character, or a suffix that does not match the first 15 characters.
 */
export function canonicalId(text: string): string | undefined {
  if (!ID_FORM.test(text)) return undefined
  const id15 = text.slice(0, ID_LENGTH)
  return text.length === ID_LENGTH || text.endsWith(suffixOf(id15)) ? id15 : undefined
}
