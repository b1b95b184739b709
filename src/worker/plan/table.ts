import { CsvReader } from '../../shared/csv/reader.ts'
import type { CsvRecord } from '../../shared/csv/record.ts'
import { hasIdForm } from '../ids/id-bytes.ts'
import type { BlockBuilder, ScannedBlock } from './block.ts'
import { brokenCsv, CSV_PROBLEMS, isMark, lineTooLong, MAX_LINE_BYTES } from './broken-csv.ts'
import { isBlankRow } from './first-row.ts'
import type { TableForm } from './form.ts'
import type { WantedColumn } from './header.ts'
import { TableGuard } from './table-guard.ts'
import { trimmed } from './unseen.ts'

/**
 * Scans a CSV of several columns. Its rows are read in place, and only what may be an id becomes a
 * string. Values of the Id column are checked like those of a plain list. Rows whose fields are all
 * blank are skipped like blank lines, because spreadsheets write them below a table.
 *
 * @throws RefusedError BROKEN_CSV, LINE_TOO_LONG, AMBIGUOUS_ID_COLUMN
 */
export async function* scanTable(
  chunks: AsyncIterable<Uint8Array>,
  form: TableForm,
  wanted: WantedColumn,
  block: BlockBuilder,
): AsyncGenerator<ScannedBlock> {
  const reader = new CsvReader({ delimiters: form.delimiter })
  const { record } = reader
  const guard = new TableGuard(form, wanted)
  let line = form.line
  for await (const _ of reader.arrivals(chunks)) {
    while (reader.next()) {
      assertSound(record, line)
      takeRow(record, line, guard, block)
      if (block.isFull) yield block.take()
      line += 1 + record.lines
    }
    const isLost = record.problem !== null || record.length > MAX_LINE_BYTES
    if (reader.isPending && isLost) assertSound(record, line)
  }
  if (reader.isPending) throw brokenCsv(line, CSV_PROBLEMS['never closed'])
  if (!block.isEmpty) yield block.take()
}

/** @throws RefusedError BROKEN_CSV, LINE_TOO_LONG */
function assertSound(record: CsvRecord, line: number): void {
  const { problem } = record
  const length = problem?.offset ?? record.length
  if (length > MAX_LINE_BYTES) throw lineTooLong(line)
  // If another export was pasted below, the error says so, whatever reveals it.
  if (record.firstByte === MARK_START && isMark(record.bytes, 0))
    throw brokenCsv(line, CSV_PROBLEMS['second mark'])
  if (problem === null) return
  const from = problem.lines > 0 ? `, in the row from line ${line} on` : ''
  throw brokenCsv(line + problem.lines, CSV_PROBLEMS[problem.kind] + from)
}

/** First byte of a byte order mark. */
const MARK_START = 0xef

function takeRow(row: CsvRecord, line: number, guard: TableGuard, block: BlockBuilder): void {
  const { column } = guard
  const from = row.start(column)
  const to = from + row.size(column)
  // The value of nearly every row; it never becomes a string.
  const isId = hasIdForm(row.view, from, to)
  const value = isId ? '' : row.text(column)
  if (!isId && trimmed(value) === '' && isBlankRow(row)) return
  guard.assertWidth(row, line)
  const isTaken = isId ? block.check(row.view, from, to, line) : block.checkText(value, line)
  if (isTaken) guard.learn(row, line)
  else guard.suspect(row, line)
}
