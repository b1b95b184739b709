import { RefusedError } from '../../shared/base/errors.ts'

/** Bytes that have a meaning in delimited text. */
const TAB = 9
export const LF = 10
export const CR = 13
const SPACE = 32
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

export const MARK_BYTES = 3

/** Whether a byte order mark stands there. */
export function isMark(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf
}

export function lineTooLong(line: number): RefusedError {
  return new RefusedError(
    'LINE_TOO_LONG',
    `Line ${line} is longer than ${MAX_LINE_BYTES} bytes: expected one record id a line or a CSV. ` +
      'Nothing was deleted. Look for a quote that is never closed, or for a file of another kind.',
  )
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** UTF-8 as text; bytes that are none become replacement characters. */
export function decode(bytes: DataView, from: number, to: number): string {
  return decoder.decode(new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from))
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
