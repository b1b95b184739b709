import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import { caseBits, hasIdForm, hasSuffix } from '../ids/id-check.ts'
import { endOfBlankRow, SEPARATORS } from './blank-row.ts'
import { BLOCK_IDS, type BlockBuilder, type ScannedBlock } from './block.ts'
import {
  brokenCsv,
  NEVER_CLOSED,
  QUOTE_IN_FIELD,
  SECOND_HEADER,
  SECOND_MARK,
  TEXT_BEHIND_QUOTE,
} from './broken-csv.ts'
import {
  CR,
  decode,
  isBlank,
  isLineEnd,
  isMark,
  LF,
  lineTooLong,
  MAX_LINE_BYTES,
  QUOTE,
  viewOf,
} from './bytes.ts'
import { matchNames, type WantedColumn } from './header.ts'

/** Bytes of the longest row that the hot loop takes: two quotes, 18 characters, CR LF. */
const LONGEST_ROW = 22

/**
 * A text of one column: whatever stands in a line is the value, quoted or not. Ids are checked
 * where they lie in the source's bytes; no string or object is made for a row that is in order. A
 * quoted value that runs over several lines is no id, so it counts as a quote that is never closed.
 *
 * @throws RefusedError BROKEN_CSV, LINE_TOO_LONG
 */
export async function* scanColumn(
  chunks: AsyncIterable<Uint8Array>,
  firstLine: number,
  wanted: WantedColumn,
  block: BlockBuilder,
): AsyncGenerator<ScannedBlock> {
  const reader = new ColumnReader(block, firstLine, wanted)
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      at = reader.read(chunk, at)
      if (block.isFull) yield block.take()
    }
  }
  reader.end()
  if (!block.isEmpty) yield block.take()
}

class ColumnReader {
  readonly #block: BlockBuilder
  readonly #wanted: WantedColumn
  #line: number
  /** The beginning of a line whose end has not come yet. */
  #carry = new Uint8Array(256)
  #carried = 0
  /** The last byte was a CR: a LF that follows belongs to the same line end. */
  #afterCr = false

  constructor(block: BlockBuilder, firstLine: number, wanted: WantedColumn) {
    this.#block = block
    this.#wanted = wanted
    this.#line = firstLine
  }

  /** Reads from `from` until the block is full or the chunk is used up; returns how far it came. */
  read(chunk: Uint8Array, from: number): number {
    const bytes = viewOf(chunk)
    let at = from
    if (this.#afterCr) {
      this.#afterCr = false
      if (chunk[at] === LF) at++
    }
    while (at < chunk.length && !this.#block.isFull) {
      if (this.#carried === 0) at = this.#readRun(bytes, at)
      if (at < chunk.length && !this.#block.isFull) at = this.#readLine(bytes, at)
    }
    return at
  }

  /** The last line may lack its end. */
  end(): void {
    if (this.#carried > 0) this.#takeCarried()
  }

  /** The hot loop: whole rows of one id each, without spaces, until something else comes. */
  #readRun(bytes: DataView, from: number): number {
    const block = this.#block
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
      this.#line++
      at = end + lineEndLength(bytes, end)
    }
    return at
  }

  /** Any one line. Keeps its beginning where its end is not in the chunk. */
  #readLine(bytes: DataView, from: number): number {
    const end = findLineEnd(bytes, from)
    if (this.#carried + end - from > MAX_LINE_BYTES) throw lineTooLong(this.#line)
    const isWhole = end < bytes.byteLength
    if (this.#carried > 0 || !isWhole) this.#carryOn(bytes, from, end)
    if (!isWhole) return end
    if (this.#carried > 0) this.#takeCarried()
    else this.#takeLine(bytes, from, end)
    this.#afterCr = bytes.getUint8(end) === CR && end + 1 === bytes.byteLength
    return end + lineEndLength(bytes, end)
  }

  #carryOn(bytes: DataView, from: number, to: number): void {
    const length = this.#carried + to - from
    if (length > this.#carry.length) {
      const larger = new Uint8Array(Math.max(length, this.#carry.length * 2))
      larger.set(this.#carry.subarray(0, this.#carried))
      this.#carry = larger
    }
    this.#carry.set(partOf(bytes, from, to), this.#carried)
    this.#carried = length
  }

  #takeCarried(): void {
    const length = this.#carried
    this.#carried = 0
    this.#takeLine(viewOf(this.#carry), 0, length)
  }

  #takeLine(bytes: DataView, lineStart: number, lineStop: number): void {
    const line = this.#line++
    const [from, to] = trim(bytes, lineStart, lineStop)
    if (from === to) return
    if (hasIdForm(bytes, from, to)) this.#check(bytes, from, to, line)
    else if (isBlankRow(bytes, from, to)) return
    else if (bytes.getUint8(from) === QUOTE) this.#takeQuoted(bytes, from, to, line)
    else {
      assertOneField(bytes, from, to, line)
      this.#check(bytes, from, to, line)
    }
  }

  #takeQuoted(bytes: DataView, from: number, to: number, line: number): void {
    const closing = findByte(bytes, from + 1, to, QUOTE)
    if (closing === to) throw brokenCsv(line, NEVER_CLOSED)
    if (closing < to - 1) throw brokenCsv(line, TEXT_BEHIND_QUOTE)
    this.#check(bytes, ...trim(bytes, from + 1, closing), line)
  }

  #check(bytes: DataView, from: number, to: number, line: number): void {
    if (this.#block.check(bytes, from, to, line)) return
    const isHeader = matchNames([decode(bytes, from, to)], this.#wanted).length > 0
    if (isHeader) throw brokenCsv(line, SECOND_HEADER)
  }
}

/**
 * Another export pasted below is named as that, whatever else shows that it is one.
 *
 * @throws RefusedError BROKEN_CSV where a line of one column holds separators or quotes
 */
function assertOneField(bytes: DataView, from: number, to: number, line: number): void {
  for (let at = from; at < to; at++) {
    const problem = problemWith(bytes.getUint8(at))
    if (problem === undefined) continue
    throw brokenCsv(line, isMark(partOf(bytes, from, to), 0) ? SECOND_MARK : problem)
  }
}

function problemWith(byte: number): string | undefined {
  if (byte === QUOTE) return QUOTE_IN_FIELD
  return SEPARATORS.includes(byte) ? SEVERAL_FIELDS : undefined
}

function isBlankRow(bytes: DataView, from: number, to: number): boolean {
  return endOfBlankRow(partOf(bytes, from, to), 0, to - from) >= 0
}

function partOf(bytes: DataView, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from)
}

const SEVERAL_FIELDS = 'expected one field as in the first row, got several'

/** Where the byte stands, or `to` where it does not. */
function findByte(bytes: DataView, from: number, to: number, wanted: number): number {
  let at = from
  while (at < to && bytes.getUint8(at) !== wanted) at++
  return at
}

/** Where the line ends, or the chunk's length where it does not end in it. */
function findLineEnd(bytes: DataView, from: number): number {
  let at = from
  while (at < bytes.byteLength && !isLineEnd(bytes.getUint8(at))) at++
  return at
}

/** 2 for CR LF, else 1. */
function lineEndLength(bytes: DataView, at: number): number {
  const isCrLf =
    bytes.getUint8(at) === CR && at + 1 < bytes.byteLength && bytes.getUint8(at + 1) === LF
  return isCrLf ? 2 : 1
}

function trim(bytes: DataView, start: number, stop: number): [from: number, to: number] {
  let from = start
  let to = stop
  while (from < to && isBlank(bytes.getUint8(from))) from++
  while (to > from && isBlank(bytes.getUint8(to - 1))) to--
  return [from, to]
}
