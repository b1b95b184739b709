import { isBlank, isLineEnd, QUOTE } from './bytes.ts'
import { DELIMITERS } from './delimiters.ts'
import { unseenAt } from './unseen.ts'

/** Bytes that separate fields, whichever of them a text uses. */
export const SEPARATORS = new TextEncoder().encode(DELIMITERS.join(''))

/**
 * Where a row ends of which every field is blank: spreadsheets write such rows above, between and
 * below the rows of a table. -1 where a field holds a value, or a quote that neither opens nor closes
 * a whole field: that is damage, and whoever reads the row has to meet it.
 *
 * @param to where the text ends, or the part of it that is at hand
 */
export function endOfBlankRow(bytes: Uint8Array, from: number, to: number): number {
  let state: 'start' | 'bare' | 'quoted' | 'closed' = 'start'
  for (let at = from; at < to; ) {
    const byte = bytes[at] ?? 0
    const isQuoted: boolean = state === 'quoted'
    if (isLineEnd(byte) && !isQuoted) return at
    if (byte === QUOTE) {
      if (state === 'bare' || state === 'closed') return -1
      state = isQuoted ? 'closed' : 'quoted'
      at++
    } else if (SEPARATORS.includes(byte) && !isQuoted) {
      state = 'start'
      at++
    } else if (isBlank(byte) || isLineEnd(byte)) at++
    else {
      const length = state === 'closed' ? 0 : unseenAt(bytes, at)
      if (length === 0) return -1
      if (state === 'start') state = 'bare'
      at += length
    }
  }
  return state === 'quoted' ? -1 : to
}
