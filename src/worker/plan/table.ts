import { parse } from 'fast-csv'
import type { RefusedError } from '../../shared/base/errors.ts'
import { CsvReader } from '../../shared/csv/reader.ts'
import { type CsvRecord, LF } from '../../shared/csv/record.ts'
import type { BlockBuilder, ScannedBlock } from './block.ts'
import { brokenCsv, CSV_PROBLEMS, isMark, lineTooLong, MAX_LINE_BYTES } from './broken-csv.ts'
import { isBlankRow, type Row } from './first-row.ts'
import type { TableForm } from './form.ts'
import type { WantedColumn } from './header.ts'
import { TableGuard } from './table-guard.ts'
import { trimmed } from './unseen.ts'

/**
 * Scans a CSV of several columns. Simple rows are read in place; fast-csv reads rows with quotes or
 * line ends in their fields. Values of the Id column are checked like those of a plain list. Rows
 * whose fields are all blank are skipped like blank lines, because spreadsheets write them below a
 * table.
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
  const general = new GeneralRows(form.delimiter)
  let line = form.line
  for await (const _ of reader.arrivals(chunks)) {
    while (reader.next()) {
      assertSound(record, line)
      if (general.isEmpty && record.isPlain) takeRow(record, line, guard, block)
      else general.add(record, line)
      if (general.isFull) yield* takeGeneral(general, guard, block)
      if (block.isFull) yield block.take()
      line += 1 + record.lines
    }
    const isLost = record.problem !== null || record.length > MAX_LINE_BYTES
    if (reader.isPending && isLost) assertSound(record, line)
  }
  if (reader.isPending) throw brokenCsv(line, CSV_PROBLEMS['never closed'])
  yield* takeGeneral(general, guard, block)
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

function takeRow(row: Row, line: number, guard: TableGuard, block: BlockBuilder): void {
  const value = row.text(guard.column)
  if (trimmed(value) === '' && isBlankRow(row)) return
  guard.assertWidth(row, line)
  if (block.checkText(value, line)) guard.learn(row, line)
  else guard.suspect(row, line)
}

async function* takeGeneral(
  general: GeneralRows,
  guard: TableGuard,
  block: BlockBuilder,
): AsyncGenerator<ScannedBlock> {
  if (general.isEmpty) return
  for (const row of await general.take()) {
    takeRow(row, row.line, guard, block)
    if (block.isFull) yield block.take()
  }
}

/**
 * Bytes of rows passed to fast-csv per write; it holds the rows of a whole write. With four times
 * as many, a file takes an eighth longer, because the rows survive the first garbage collection.
 */
const GENERAL_BYTES = 16_384

/** Rows that fast-csv reads. Rows that follow the first one join it, so that the order is kept. */
class GeneralRows {
  readonly #parser
  #bytes = Buffer.allocUnsafe(2 * GENERAL_BYTES)
  #length = 0
  #lines: number[] = []
  #rows: GeneralRow[] = []

  constructor(delimiter: string) {
    // A transform that passes nothing on: rows are available when the write returns. This is a
    // quarter faster than the readable side (17 against 14 MB/s).
    this.#parser = parse<string[], string[]>({ delimiter }).transform((cells: string[], done) => {
      this.#rows.push(new GeneralRow(cells, this.#lines[this.#rows.length] ?? 0))
      done()
    })
    // The write reports the error as well; without a listener it would end the process.
    this.#parser.on('error', () => {})
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0
  }

  get isFull(): boolean {
    return this.#length >= GENERAL_BYTES
  }

  add(record: CsvRecord, line: number): void {
    const length = this.#length + record.length + 1
    if (length > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes.subarray(0, this.#length)], 2 * length)
    }
    record.copy(this.#bytes, this.#length)
    this.#bytes[length - 1] = LF
    this.#length = length
    this.#lines.push(line)
  }

  /** @throws RefusedError BROKEN_CSV if fast-csv cannot read on; its own error quotes the text */
  async take(): Promise<readonly GeneralRow[]> {
    const bytes = this.#bytes.subarray(0, this.#length)
    this.#rows = []
    await new Promise((resolve) => this.#parser.write(bytes, resolve))
    if (this.#rows.length !== this.#lines.length) throw unreadable(this.#lines)
    this.#length = 0
    this.#lines = []
    return this.#rows
  }
}

class GeneralRow implements Row {
  readonly line: number
  readonly #cells: readonly string[]

  constructor(cells: readonly string[], line: number) {
    this.#cells = cells
    this.line = line
  }

  get count(): number {
    return this.#cells.length
  }

  size(index: number): number {
    return this.text(index).length
  }

  text(index: number): string {
    return this.#cells[index] ?? ''
  }
}

function unreadable(lines: readonly number[]): RefusedError {
  return brokenCsv(lines.at(0) ?? 0, `the CSV cannot be read from here to line ${lines.at(-1)}`)
}
