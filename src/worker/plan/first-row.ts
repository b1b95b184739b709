import { RefusedError } from '../../shared/base/errors.ts'
import { CsvRecord } from '../../shared/csv/record.ts'
import { brokenCsv, CSV_PROBLEMS, MAX_LINE_BYTES } from './broken-csv.ts'
import { trimmed } from './unseen.ts'

const DELIMITERS = [',', ';', '\t', '|'] as const
export type Delimiter = (typeof DELIMITERS)[number]
/**
 * All delimiters together: for rows read before the delimiter is known, or where it does not
 * matter.
 */
export const ANY_DELIMITER = DELIMITERS.join('')

/** The start of a text, from its first row that is not blank. */
export interface Head {
  readonly bytes: Uint8Array
  /** Line number at which `bytes` begin. */
  readonly line: number
  /** The delimiter named by a line above, as in `sep=;`. */
  readonly delimiter?: Delimiter | undefined
}

/** Whether every field is blank. Spreadsheets write such rows above, between and below tables. */
export function isBlankRow(row: CsvRecord): boolean {
  for (let at = 0; at < row.count; at++) if (trimmed(row.text(at)) !== '') return false
  return true
}

/** The first row of a text, split at delimiters outside quotes. */
export interface FirstRow {
  readonly cells: readonly string[]
  /** Bytes and lines of the row, including its line end. */
  readonly length: number
  readonly lines: number
}

/**
 * Null if its quotes do not match: a quote must open at a field's start and enclose the whole
 * field.
 */
export function readFirstRow(bytes: Uint8Array, delimiters: string): FirstRow | null {
  const record = new CsvRecord({ delimiters })
  const length = record.read(startOf(bytes), 0, true)
  if (length < 0 || record.problem !== null) return null
  return { cells: record.texts().map(trimmed), length, lines: record.lines + 1 }
}

/** The first row of a text, split at one delimiter. */
export interface Split {
  readonly delimiter: Delimiter
  readonly row: FirstRow
}

/** The delimiters that occur in the first row; with a `sep=` line, only the one it names. */
export function delimitersOf({ bytes, delimiter }: Head): readonly Delimiter[] {
  const allowed = delimiter === undefined ? DELIMITERS : [delimiter]
  const found = separatorsIn(startOf(bytes), allowed.join(''))
  return allowed.filter((one) => found.includes(one))
}

/** Separators outside quotes if the quotes match; otherwise all of them. */
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
 * The first row split at each delimiter with which its quotes match, the split with most cells
 * first.
 *
 * @throws RefusedError BROKEN_CSV if the quotes match with none
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
 * The delimiter named by a first line such as `sep=;`, which Excel writes and reads. The line may
 * be quoted and may end with the separators of empty cells. Undefined for any other line.
 *
 * @throws RefusedError NO_ID_COLUMN if it names an unsupported delimiter
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
