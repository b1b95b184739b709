import { RefusedError } from '../../shared/base/errors.ts'
import { PLAIN_TEXT, type SourceText } from '../../shared/contract/sources/kind.ts'
import { CsvRecord } from '../../shared/csv/record.ts'
import { isMark, lineTooLong, MARK_BYTES, MAX_LINE_BYTES } from './broken-csv.ts'
import {
  ANY_DELIMITER,
  type Delimiter,
  type Head,
  isBlankRow,
  namedDelimiter,
} from './first-row.ts'
import { assertText } from './not-text.ts'

/**
 * Bytes to read before the form is decided, independent of how the source is cut into chunks. A
 * head has at least this many bytes, or the whole text.
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
  let { bytes, ended } = await gather(chunks, Buffer.alloc(0), HEAD_BYTES)
  assertText(bytes.subarray(0, HEAD_BYTES), text)
  let line: number = text.firstLine
  let delimiter: Delimiter | undefined
  const first = new CsvRecord({ delimiters: '', quotes: false })
  for (;;) {
    while (isMark(bytes, 0)) bytes = bytes.subarray(MARK_BYTES)
    const blank = skipBlankRows(bytes, ended)
    bytes = bytes.subarray(blank.end)
    line += blank.lines
    if (isMark(bytes, 0)) continue
    if (ended && bytes.length === 0) throw emptySource(text)
    const end = first.read(bytes, 0, ended)
    if (first.length > MAX_LINE_BYTES) throw lineTooLong(line)
    if (end < 0 || (!ended && bytes.length < HEAD_BYTES)) {
      const more = await gather(chunks, bytes, bytes.length + HEAD_BYTES * 4)
      bytes = more.bytes
      ended = more.ended
      continue
    }
    const named = delimiter === undefined ? delimiterIn(first) : undefined
    if (named === undefined) return { bytes, line, delimiter }
    delimiter = named
    bytes = bytes.subarray(end)
    line++
  }
}

/** Reads until it has `wanted` bytes or the source ends. */
async function gather(
  chunks: AsyncIterator<Uint8Array>,
  start: Buffer,
  wanted: number,
): Promise<{ bytes: Buffer; ended: boolean }> {
  const parts: Uint8Array[] = [start]
  let length = start.length
  while (length < wanted) {
    const next = await chunks.next()
    if (next.done === true) return { bytes: Buffer.concat(parts), ended: true }
    parts.push(next.value)
    length += next.value.length
  }
  return { bytes: Buffer.concat(parts), ended: false }
}

/** Where the first row begins that is not blank, or that needs more bytes to tell. */
function skipBlankRows(bytes: Buffer, ended: boolean): { end: number; lines: number } {
  const row = new CsvRecord({ delimiters: ANY_DELIMITER })
  let end = 0
  let lines = 0
  while (end < bytes.length) {
    const next = row.read(bytes, end, ended)
    if (next < 0 || row.problem !== null || !isBlankRow(row)) break
    lines += 1 + row.lines
    end = next
  }
  return { end, lines }
}

/** A longer line is not a `sep=` line. */
const LONGEST_SEPARATOR_LINE = 1000

function delimiterIn(line: CsvRecord): Delimiter | undefined {
  return line.length > LONGEST_SEPARATOR_LINE ? undefined : namedDelimiter(line.text(0))
}

function emptySource({ subject }: SourceText): RefusedError {
  return new RefusedError(
    'EMPTY_SOURCE',
    `${subject} is empty: expected at least a header line. Check whether the export failed. ` +
      'An intentionally empty list has only the header "Id".',
  )
}
