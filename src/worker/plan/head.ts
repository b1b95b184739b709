import { RefusedError } from '../../shared/base/errors.ts'
import { PLAIN_TEXT, type SourceText } from '../../shared/contract/sources/kind.ts'
import { endOfBlankRow } from './blank-row.ts'
import { CR, isLineEnd, isMark, LF, lineTooLong, MARK_BYTES, MAX_LINE_BYTES } from './bytes.ts'
import { type Delimiter, namedDelimiter } from './delimiters.ts'
import { assertText } from './not-text.ts'

/** The beginning of a text, from its first row that is not blank. */
export interface Head {
  readonly bytes: Uint8Array
  /** Number of the line that `bytes` begin with. */
  readonly line: number
  /** The delimiter that a line above names, as in `sep=;`. */
  readonly delimiter?: Delimiter | undefined
}

/**
 * What is read before the form is decided; the same for every way of cutting the source. A head has
 * at least so many bytes, or all that there are.
 */
export const HEAD_BYTES = 65_536

/**
 * Reads at least the first line of a text, without its byte order mark.
 *
 * @throws RefusedError EMPTY_SOURCE, NOT_TEXT, LINE_TOO_LONG, NO_ID_COLUMN
 */
export async function readHead(
  chunks: AsyncIterator<Uint8Array>,
  text: SourceText = PLAIN_TEXT,
): Promise<Head> {
  let { bytes, ended } = await gather(chunks, new Uint8Array(0), HEAD_BYTES)
  assertText(bytes.subarray(0, HEAD_BYTES), text)
  let line: number = text.firstLine
  let delimiter: Delimiter | undefined
  for (;;) {
    while (isMark(bytes, 0)) bytes = bytes.subarray(MARK_BYTES)
    const blank = skipBlankRows(bytes, ended)
    bytes = bytes.subarray(blank.end)
    line += blank.lines
    if (isMark(bytes, 0)) continue
    if (ended && bytes.length === 0) throw emptySource(text)
    const end = endOfLine(bytes, ended)
    if ((end ?? bytes.length) > MAX_LINE_BYTES) throw lineTooLong(line)
    if (end === undefined || (!ended && bytes.length < HEAD_BYTES)) {
      const more = await gather(chunks, bytes, bytes.length + HEAD_BYTES * 4)
      bytes = more.bytes
      ended = more.ended
      continue
    }
    const named = delimiter === undefined ? delimiterIn(bytes.subarray(0, end)) : undefined
    if (named === undefined) return { bytes, line, delimiter }
    delimiter = named
    bytes = bytes.subarray(end + lineEndLength(bytes, end))
    line++
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

/** Where the first row begins that is not blank, or cannot yet be told to be. */
function skipBlankRows(bytes: Uint8Array, ended: boolean): { end: number; lines: number } {
  let end = 0
  let lines = 0
  while (end < bytes.length) {
    const stop = endOfBlankRow(bytes, end, bytes.length)
    if (stop < 0) break
    const next = stop + lineEndLength(bytes, stop)
    // The rest of the row, or the LF of its CR, may be in the next chunk.
    if (!ended && (stop === bytes.length || (bytes[stop] === CR && next === bytes.length))) break
    lines += linesIn(bytes, end, next)
    end = next
  }
  return { end, lines }
}

/** Line ends from one place to another. */
function linesIn(bytes: Uint8Array, from: number, to: number): number {
  let lines = 0
  for (let at = from; at < to; at++) {
    if (bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] !== LF)) lines++
  }
  return lines
}

/** Where the first line ends; undefined where that is not at hand, or only the first half of CR LF. */
function endOfLine(bytes: Uint8Array, ended: boolean): number | undefined {
  const end = bytes.findIndex(isLineEnd)
  if (end < 0) return ended ? bytes.length : undefined
  const isWhole = ended || end + 1 < bytes.length || bytes[end] === LF
  return isWhole || end > MAX_LINE_BYTES ? end : undefined
}

/** 0 at the end of the text, 2 for CR LF, else 1. */
function lineEndLength(bytes: Uint8Array, at: number): number {
  if (at >= bytes.length) return 0
  return bytes[at] === CR && bytes[at + 1] === LF ? 2 : 1
}

/** A longer line is no `sep=`. */
const LONGEST_SEPARATOR_LINE = 1000

function delimiterIn(line: Uint8Array): Delimiter | undefined {
  if (line.length > LONGEST_SEPARATOR_LINE) return undefined
  return namedDelimiter(Buffer.from(line).toString('utf8'))
}

function emptySource({ subject }: SourceText): RefusedError {
  return new RefusedError(
    'EMPTY_SOURCE',
    `${subject} is empty: expected at least a header line. Look whether the export before it failed; ` +
      'a list that is meant to be empty has the header "Id" alone.',
  )
}
