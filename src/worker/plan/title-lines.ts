import { canonicalId } from '../../shared/contract/record-id.ts'
import { brokenCsv, CSV_PROBLEMS } from './broken-csv.ts'
import { ANY_DELIMITER, delimitersOf, type FirstRow, type Head, readFirstRow } from './first-row.ts'
import { HEAD_BYTES } from './head.ts'
import { matchNames, type WantedColumn } from './header.ts'
import { withoutUnseen } from './unseen.ts'

/**
 * If the request names the column: reports have a title, filters and empty lines above their
 * header.
 */
export const TITLE_LINES = 20

/**
 * The text from the header row on. The header is looked for in the first lines, above the first
 * data row, so that no row meant for deletion is skipped. Null if no row names the column.
 *
 * @throws RefusedError BROKEN_CSV if quotes above the header do not match
 */
export function fromHeaderOn(head: Head, wanted: WantedColumn): Head | null {
  for (const { here, row } of rowsAtTop(head)) {
    if (row === null) throw brokenCsv(here.line, CSV_PROBLEMS['broken first row'])
    if (namesColumn(here, wanted)) return here
    if (isData(row, wanted)) return null
  }
  return null
}

/** For advice if the request names no column: the line further down that looks like a header. */
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
  /** The row, split at every delimiter; null if its quotes do not match. */
  readonly row: FirstRow | null
}

/**
 * The complete rows that begin in the first lines, independent of how the source is cut into
 * chunks.
 */
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
 * Whether a row may be data. Skipped lines are not checked, so a cell in the form of an id counts
 * even if it is damaged or of another object: nobody would notice the damage. Within a sentence
 * only an id of the object counts, because filters name ids of other objects.
 */
function isData({ cells }: FirstRow, { object }: WantedColumn): boolean {
  const words = cells.flatMap((cell) => cell.split(/[^0-9A-Za-z]+/))
  return (
    cells.some((cell) => LIKE_AN_ID.test(withoutUnseen(cell))) ||
    words.some((word) => word.startsWith(object.prefix) && canonicalId(word) !== undefined)
  )
}

/**
 * Also matches an id that lost its last characters. A key prefix has a digit; few words start that
 * way.
 */
const LIKE_AN_ID = /^(?=.{0,2}[0-9])[0-9A-Za-z]{15,18}$/
