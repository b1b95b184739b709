import { RefusedError } from '../../shared/errors.ts'
import {
  CR,
  isBlank,
  isLineEnd,
  isMark,
  LF,
  lineTooLong,
  MARK_BYTES,
  MAX_LINE_BYTES,
} from './bytes.ts'

/** The beginning of a text, from its first line that is not blank. */
export interface Head {
  readonly bytes: Uint8Array
  /** Number of the line that `bytes` begin with. */
  readonly line: number
}

/** What is read before the form is decided; the same for every way of cutting the source. */
const HEAD_BYTES = 65_536

/**
 * Reads at least the first line of a text, without its byte order mark.
 *
 * @throws RefusedError EMPTY_SOURCE, NOT_TEXT, LINE_TOO_LONG
 */
export async function readHead(chunks: AsyncIterator<Uint8Array>): Promise<Head> {
  let { bytes, ended } = await gather(chunks, new Uint8Array(0), HEAD_BYTES)
  assertText(bytes.subarray(0, HEAD_BYTES))
  let line = 1
  while (isMark(bytes, 0)) bytes = bytes.subarray(MARK_BYTES)
  for (;;) {
    const blank = skipBlankLines(bytes, ended)
    bytes = bytes.subarray(blank.end)
    line += blank.lines
    if (ended && bytes.length === 0) throw emptySource()
    const end = bytes.findIndex(isLineEnd)
    if ((end < 0 ? bytes.length : end) > MAX_LINE_BYTES) throw lineTooLong(line)
    // A CR at the very end may be the first half of CR LF.
    if (ended || (end >= 0 && end + 1 < bytes.length) || bytes[end] === LF) return { bytes, line }
    const more = await gather(chunks, bytes, bytes.length + HEAD_BYTES * 4)
    bytes = more.bytes
    ended = more.ended
  }
}

/** Reads until there are `wanted` bytes or no more. */
async function gather(
  chunks: AsyncIterator<Uint8Array>,
  start: Uint8Array,
  wanted: number,
): Promise<{ bytes: Uint8Array; ended: boolean }> {
  const parts = [start]
  let length = start.length
  while (length < wanted) {
    const next = await chunks.next()
    if (next.done === true) return { bytes: join(parts), ended: true }
    parts.push(next.value)
    length += next.value.length
  }
  return { bytes: join(parts), ended: false }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const full = parts.filter((part) => part.length > 0)
  const [only] = full
  return full.length === 1 && only !== undefined ? only : Buffer.concat(full)
}

/** Where the first line begins that is not blank, or cannot yet be told to be. */
function skipBlankLines(bytes: Uint8Array, ended: boolean): { end: number; lines: number } {
  let end = 0
  let lines = 0
  for (let at = 0; at < bytes.length; at++) {
    if (isBlank(bytes[at])) continue
    if (!isLineEnd(bytes[at])) return { end, lines }
    if (bytes[at] === CR && at + 1 === bytes.length && !ended) return { end, lines }
    if (bytes[at] === CR && bytes[at + 1] === LF) at++
    end = at + 1
    lines++
  }
  return { end: ended ? bytes.length : end, lines }
}

function emptySource(): RefusedError {
  return new RefusedError(
    'EMPTY_SOURCE',
    'The source is empty: expected at least a header line. Look whether the export before it failed; ' +
      'a list that is meant to be empty has the header "Id" alone.',
  )
}

/** Magic numbers of files that are often sent by mistake, with what to do about them. */
const MAGIC: readonly (readonly [magic: readonly number[], advice: string])[] = [
  [[0xff, 0xfe], 'It is UTF-16: save it as UTF-8.'],
  [[0xfe, 0xff], 'It is UTF-16: save it as UTF-8.'],
  [[0x50, 0x4b, 3, 4], 'It is a ZIP archive or an Excel workbook: save it as CSV (UTF-8).'],
  [[0xd0, 0xcf, 0x11, 0xe0], 'It is an old Office document: save it as CSV (UTF-8).'],
  [[0x1f, 0x8b], 'It is compressed with gzip: decompress it first.'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'It is compressed with zstd: decompress it first.'],
  [[0x25, 0x50, 0x44, 0x46], 'It is a PDF: export the ids as CSV.'],
]

function assertText(bytes: Uint8Array): void {
  for (const [magic, advice] of MAGIC) {
    if (magic.every((byte, at) => bytes[at] === byte)) throw notText(advice)
  }
  let controls = 0
  for (const byte of bytes) {
    if (byte === 0) throw notText('It holds NUL bytes: if it is UTF-16, save it as UTF-8.')
    if (byte < 32 && !isBlank(byte) && !isLineEnd(byte)) controls++
  }
  if (controls * 50 > bytes.length) throw notText('It holds control characters.')
}

function notText(advice: string): RefusedError {
  return new RefusedError('NOT_TEXT', `The source is not a text of record ids. ${advice}`)
}
