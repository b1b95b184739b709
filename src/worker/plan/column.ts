import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import { CsvReader } from '../../shared/csv/reader.ts'
import { CR, CsvRecord, isBlank, isLineEnd, LF, QUOTE } from '../../shared/csv/record.ts'
import { caseBits, hasIdForm, hasSuffix } from '../ids/id-bytes.ts'
import { BLOCK_IDS, type BlockBuilder, decode, type ScannedBlock, viewOf } from './block.ts'
import { brokenCsv, CSV_PROBLEMS, isMark, lineTooLong, MAX_LINE_BYTES } from './broken-csv.ts'
import { ANY_DELIMITER, isBlankRow } from './first-row.ts'
import { matchNames, type WantedColumn } from './header.ts'

/** Bytes of the longest row that the hot loop takes: two quotes, 18 characters, CR LF. */
const LONGEST_ROW = 22

/**
 * Scans a text of one column: each line is the value, quoted or not. Ids are checked in place in
 * the source's bytes; a valid row allocates no string or object. A quoted value that spans several
 * lines is not an id, so it counts as a quote that is never closed.
 *
 * @throws RefusedError BROKEN_CSV, LINE_TOO_LONG
 */
export function scanColumn(
  chunks: AsyncIterable<Uint8Array>,
  firstLine: number,
  wanted: WantedColumn,
  block: BlockBuilder,
): AsyncGenerator<ScannedBlock> {
  return scanLines(chunks, new Column(block, firstLine, wanted), block)
}

/**
 * Scans a list of values: each line is one, whatever characters it has. An empty line is a row
 * without a value, and is refused.
 *
 * @throws RefusedError LINE_TOO_LONG
 */
export function scanValues(
  chunks: AsyncIterable<Uint8Array>,
  firstLine: number,
  block: BlockBuilder,
): AsyncGenerator<ScannedBlock> {
  return scanLines(chunks, new Values(block, firstLine), block)
}

async function* scanLines(
  chunks: AsyncIterable<Uint8Array>,
  column: Lines,
  block: BlockBuilder,
): AsyncGenerator<ScannedBlock> {
  const lines = new CsvReader({ delimiters: '', quotes: false })
  for await (const _ of lines.arrivals(chunks)) {
    for (;;) {
      lines.skipTo(column.takeRun(lines.view, lines.at))
      if (!block.isFull) {
        if (!lines.next()) break
        column.takeLine(lines.record.bytes)
      }
      if (block.isFull) yield block.take()
    }
    if (lines.isPending && lines.record.length > MAX_LINE_BYTES) throw lineTooLong(column.line)
  }
  if (!block.isEmpty) yield block.take()
}

abstract class Lines {
  /** Number of the next line. */
  line: number
  protected readonly block: BlockBuilder

  constructor(block: BlockBuilder, firstLine: number) {
    this.line = firstLine
    this.block = block
  }

  /** Takes any line, without its line end. */
  abstract takeLine(text: Buffer): void

  /**
   * The hot loop: takes whole rows of one id each, without spaces, until another kind of row comes
   * or the block is full. Returns the position it reached.
   */
  takeRun(bytes: DataView, from: number): number {
    const { block } = this
    const lastStart = bytes.byteLength - LONGEST_ROW
    let at = from
    while (at <= lastStart && block.count < BLOCK_IDS) {
      const quoted = bytes.getUint8(at) === QUOTE
      const start = quoted ? at + 1 : at
      if ((bytes.getUint32(start, true) & 0xffffff) !== block.prefix) break
      const bits = caseBits(bytes, start)
      if (bits < 0) break
      const isShort = !hasSuffix(bytes, start, bits)
      const stop = isShort ? start + ID_LENGTH : start + ID_LENGTH + 3
      if (quoted && bytes.getUint8(stop) !== QUOTE) break
      const end = quoted ? stop + 1 : stop
      if (!isLineEnd(bytes.getUint8(end))) break
      block.put(bytes, start, isShort)
      this.line++
      at = end + lineEndLength(bytes, end)
    }
    return at
  }

  /** The number of a line that is taken now. */
  protected nextLine(text: Buffer): number {
    const line = this.line++
    if (text.length > MAX_LINE_BYTES) throw lineTooLong(line)
    return line
  }
}

class Values extends Lines {
  override takeLine(text: Buffer): void {
    const line = this.nextLine(text)
    const value = withoutBlanks(text)
    this.block.check(viewOf(value), 0, value.length, line)
  }
}

class Column extends Lines {
  readonly #wanted: WantedColumn
  readonly #row = new CsvRecord({ delimiters: ANY_DELIMITER })

  constructor(block: BlockBuilder, firstLine: number, wanted: WantedColumn) {
    super(block, firstLine)
    this.#wanted = wanted
  }

  override takeLine(text: Buffer): void {
    const line = this.nextLine(text)
    const value = withoutBlanks(text)
    if (value.length === 0) return
    if (hasIdForm(viewOf(value), 0, value.length)) this.#check(value, line)
    else if (this.#isBlankRow(value)) return
    else if (value[0] === QUOTE) this.#takeQuoted(value, line)
    else {
      assertOneField(value, line)
      this.#check(value, line)
    }
  }

  #isBlankRow(text: Buffer): boolean {
    const row = this.#row
    return row.read(text, 0, true) >= 0 && row.problem === null && isBlankRow(row)
  }

  #takeQuoted(text: Buffer, line: number): void {
    const closing = text.indexOf(QUOTE, 1)
    if (closing < 0) throw brokenCsv(line, CSV_PROBLEMS['never closed'])
    if (closing < text.length - 1) throw brokenCsv(line, CSV_PROBLEMS['text behind quote'])
    this.#check(withoutBlanks(text.subarray(1, closing)), line)
  }

  #check(value: Buffer, line: number): void {
    const bytes = viewOf(value)
    if (this.block.check(bytes, 0, value.length, line)) return
    const isHeader = matchNames([decode(bytes, 0, value.length)], this.#wanted).length > 0
    if (isHeader) throw brokenCsv(line, CSV_PROBLEMS['second header'])
  }
}

/**
 * If another export was pasted below, the error says so, whatever reveals it.
 *
 * @throws RefusedError BROKEN_CSV if a line of one column holds separators or quotes
 */
function assertOneField(text: Buffer, line: number): void {
  const mark = text.find((byte) => byte === QUOTE || SEPARATORS.includes(byte))
  if (mark === undefined) return
  if (isMark(text, 0)) throw brokenCsv(line, CSV_PROBLEMS['second mark'])
  throw brokenCsv(line, mark === QUOTE ? CSV_PROBLEMS['quote in field'] : SEVERAL_FIELDS)
}

const SEPARATORS = Buffer.from(ANY_DELIMITER)
const SEVERAL_FIELDS = 'expected one field as in the first row, got several'

/** 2 for CR LF, else 1. */
function lineEndLength(bytes: DataView, at: number): number {
  return bytes.getUint8(at) === CR && bytes.getUint8(at + 1) === LF ? 2 : 1
}

function withoutBlanks(text: Buffer): Buffer {
  let [from, to] = [0, text.length]
  while (from < to && isBlank(text[from])) from++
  while (to > from && isBlank(text[to - 1])) to--
  return text.subarray(from, to)
}
