import { canonicalId, ID_LENGTH, SUFFIX_BYTES } from '../../../shared/contract/record-id.ts'

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
