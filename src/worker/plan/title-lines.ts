import { canonicalId } from '../../shared/contract/record-id.ts'
import { brokenCsv, CSV_PROBLEMS } from './broken-csv.ts'
import { ANY_DELIMITER, delimitersOf, type FirstRow, type Head, readFirstRow } from './first-row.ts'
import { HEAD_BYTES } from './head.ts'
import { matchNames, type WantedColumn } from './header.ts'
import { withoutUnseen } from './unseen.ts'

/** Where the request names the column: reports have a title, filters and empty lines above their header. */
export const TITLE_LINES = 20

/**
 * The text from the row on that is the header, looked for in the first lines and above the first row of
 * data: nothing that somebody meant to delete is passed over. Null where no row names the column.
 *
 * @throws RefusedError BROKEN_CSV where quotes above the header do not match
 */
export function fromHeaderOn(head: Head, wanted: WantedColumn): Head | null {
  for (const { here, row } of rowsAtTop(head)) {
    if (row === null) throw brokenCsv(here.line, CSV_PROBLEMS['broken first row'])
    if (namesColumn(here, wanted)) return here
    if (isData(row, wanted)) return null
  }
  return null
}

/** For advice where no column was named: the line further down that looks like a header. */
export function headerFurtherDown(
  head: Head,
  wanted: WantedColumn,
): { readonly line: number; readonly column: string } | null {
  for (const { here, row } of rowsAtTop(head)) {
    if (row === null) return null
    const [at, second] = matchNames(row.cells, wanted)
    const column = at === undefined ? undefined : row.cells[at]
    if (column !== undefined && second === undefined) return { line: here.line, column }
    if (isData(row, wanted)) return null
  }
  return null
}

interface TopRow {
  /** The text from this row on. */
  readonly here: Head
  /** The row, cut at every delimiter; null where its quotes do not match. */
  readonly row: FirstRow | null
}

/** The rows that begin in the first lines and are at hand whole, whatever the chunks are. */
function* rowsAtTop(head: Head): Generator<TopRow> {
  const delimiters = head.delimiter ?? ANY_DELIMITER
  const isWhole = head.bytes.length < HEAD_BYTES
  const top = head.bytes.subarray(0, HEAD_BYTES)
  let [at, line] = [0, head.line]
  while (at < top.length && line < head.line + TITLE_LINES) {
    const row = readFirstRow(top.subarray(at), delimiters)
    if (row !== null && at + row.length === top.length && !isWhole) return
    yield { here: { ...head, bytes: head.bytes.subarray(at), line }, row }
    if (row === null) return
    at += row.length
    line += row.lines
  }
}

function namesColumn(here: Head, wanted: WantedColumn): boolean {
  const delimiters = delimitersOf(here)
  return (delimiters.length === 0 ? [''] : delimiters).some((delimiter) => {
    const cells = readFirstRow(here.bytes, delimiter)?.cells ?? []
    return matchNames(cells, wanted).length > 0
  })
}

/**
 * Whether a row may be one of data. Nobody checks what is passed over, so a cell that has the form of an
 * id is enough, be it damaged or of another object: its damage would stay unseen. Within a sentence
 * only an id of the object counts, for filters name ids of others.
 */
function isData({ cells }: FirstRow, { object }: WantedColumn): boolean {
  const words = cells.flatMap((cell) => cell.split(/[^0-9A-Za-z]+/))
  return (
    cells.some((cell) => LIKE_AN_ID.test(withoutUnseen(cell))) ||
    words.some((word) => word.startsWith(object.prefix) && canonicalId(word) !== undefined)
  )
}

/** Also without its last characters. A key prefix has a digit, few words have one so early. */
const LIKE_AN_ID = /^(?=.{0,2}[0-9])[0-9A-Za-z]{15,18}$/
