import { RefusedError } from '../../shared/base/errors.ts'
import { CsvRecord } from '../ids/csv-record.ts'
import { brokenCsv, CSV_PROBLEMS, MAX_LINE_BYTES } from './broken-csv.ts'
import { trimmed } from './unseen.ts'

const DELIMITERS = [',', ';', '\t', '|'] as const
export type Delimiter = (typeof DELIMITERS)[number]
/** All of them: for rows that are read before it is known which one counts, or whichever does. */
export const ANY_DELIMITER = DELIMITERS.join('')

/** The beginning of a text, from its first row that is not blank. */
export interface Head {
  readonly bytes: Uint8Array
  /** Number of the line that `bytes` begin with. */
  readonly line: number
  /** The delimiter that a line above names, as in `sep=;`. */
  readonly delimiter?: Delimiter | undefined
}

/** A row of a CSV by its fields. */
export interface Row {
  readonly count: number
  /** At least the characters of a field. */
  size(index: number): number
  text(index: number): string
}

/** Whether every field is blank: spreadsheets write such rows above, between and below tables. */
export function isBlankRow(row: Row): boolean {
  for (let at = 0; at < row.count; at++) if (trimmed(row.text(at)) !== '') return false
  return true
}

/** The first row of a text, cut at delimiters outside quotes. */
export interface FirstRow {
  readonly cells: readonly string[]
  /** Bytes and lines of the row, its line end among them. */
  readonly length: number
  readonly lines: number
}

/** Null where its quotes do not match: one opens where a field begins, and encloses it whole. */
export function readFirstRow(bytes: Uint8Array, delimiters: string): FirstRow | null {
  const record = new CsvRecord({ delimiters })
  const length = record.read(startOf(bytes), 0, true)
  if (length < 0 || record.problem !== null) return null
  return { cells: record.texts().map(trimmed), length, lines: record.lines + 1 }
}

/** The first row of a text, cut at one delimiter. */
export interface Split {
  readonly delimiter: Delimiter
  readonly row: FirstRow
}

/** The delimiters that stand in the first row, or the one that a `sep=` line names if it does. */
export function delimitersOf({ bytes, delimiter }: Head): readonly Delimiter[] {
  const allowed = delimiter === undefined ? DELIMITERS : [delimiter]
  const found = separatorsIn(startOf(bytes), allowed.join(''))
  return allowed.filter((one) => found.includes(one))
}

/** Outside quotes, where these match. */
function separatorsIn(text: Buffer, delimiters: string): readonly string[] {
  const record = new CsvRecord({ delimiters })
  if (record.read(text, 0, true) >= 0 && record.problem === null) return record.separators()
  const unquoted = new CsvRecord({ delimiters, quotes: false })
  unquoted.read(text, 0, true)
  return unquoted.separators()
}

function startOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_LINE_BYTES))
}

/**
 * The first row cut at each delimiter with which its quotes match, the one of most cells first.
 *
 * @throws RefusedError BROKEN_CSV where they match with none
 */
export function splitsOf(head: Head, delimiters: readonly Delimiter[]): readonly Split[] {
  const splits = delimiters.flatMap((delimiter) => {
    const row = readFirstRow(head.bytes, delimiter)
    return row === null ? [] : [{ delimiter, row }]
  })
  if (splits.length === 0) throw brokenCsv(head.line, CSV_PROBLEMS['broken first row'])
  return splits.sort((a, b) => b.row.cells.length - a.row.cells.length)
}

/**
 * The delimiter that a first line such as `sep=;` names, as Excel writes and reads it: quoted or not,
 * perhaps with the separators of empty cells behind. Undefined where the line is another.
 *
 * @throws RefusedError NO_ID_COLUMN where it names a delimiter that is not read
 */
export function namedDelimiter(line: string): Delimiter | undefined {
  const named = SEPARATOR_LINE.exec(line)?.groups?.['named']
  if (named === undefined) return undefined
  const delimiter = DELIMITERS.find((known) => known === named)
  if (delimiter !== undefined) return delimiter
  throw new RefusedError(
    'NO_ID_COLUMN',
    `The first line, "sep=${named}", names a separator that is not read: expected a comma, a semicolon, a tab or "|". ` +
      'Export it again with one of these, or export the Id column alone.',
  )
}

const SEPARATOR_LINE = /^\s*"?sep=(?<named>\t|[^\s"])"?(?:[,;|\s]|"")*$/iu
