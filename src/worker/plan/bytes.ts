/** Bytes that have a meaning in delimited text. */
export const TAB = 9
export const LF = 10
export const CR = 13
export const SPACE = 32
export const QUOTE = 34

/** A longer line, or a longer row of a CSV, is no list of ids; nothing of it is kept. */
export const MAX_LINE_BYTES = 1_000_000

/** Space, tab, vertical tab, form feed: what is trimmed around a value. */
export function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB || byte === 11 || byte === 12
}

export function isLineEnd(byte: number | undefined): boolean {
  return byte === LF || byte === CR
}
