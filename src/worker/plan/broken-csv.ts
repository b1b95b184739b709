import { RefusedError } from '../../shared/base/errors.ts'

/**
 * A damaged CSV. A request may skip single invalid rows, but not a damaged CSV: from there on, the
 * Id column may hold another column or part of a note.
 *
 * @param line where the damage shows, counted from 1
 * @param problem what was expected and what was found, without values of the source
 */
export function brokenCsv(line: number, problem: string): RefusedError {
  return new RefusedError(
    'BROKEN_CSV',
    `Line ${line}: ${problem}. The rows of a damaged CSV cannot be trusted, so this row ` +
      'cannot be skipped. Export the file again with quotes around text, or export only the Id column.',
  )
}

/** A longer line or CSV row cannot be part of a list of ids. None of it is kept. */
export const MAX_LINE_BYTES = 1_000_000

export function lineTooLong(line: number): RefusedError {
  return new RefusedError(
    'LINE_TOO_LONG',
    `Line ${line} is longer than ${MAX_LINE_BYTES} bytes: expected one record id a line or a CSV. ` +
      'Look for a quote that is never closed, or for a file of another kind.',
  )
}

export const CSV_PROBLEMS = {
  'quote in field': 'expected quotes around a whole field, got a quote within an unquoted one',
  'text behind quote': 'expected a separator or a line end behind the closing quote, got text',
  'never closed': 'expected the quote that opens a field in this row to be closed',
  'second header': 'expected a row of data, got a second header, as of another export',
  'second mark': 'expected a row of data, got a second byte order mark, as of another export',
  'broken first row': 'expected each quote of the first row to open or close a whole field',
}

export const MARK_BYTES = 3

/** Whether a byte order mark stands at this position. */
export function isMark(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf
}
