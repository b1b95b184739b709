import { RefusedError } from '../../shared/errors.ts'
import { ID_LENGTH } from '../../shared/record-id.ts'
import { BLOCK_IDS, type BlockBuilder, decode, type ScannedBlock } from './block.ts'
import { CR, isBlank, isLineEnd, LF, MAX_LINE_BYTES, QUOTE } from './bytes.ts'
import { hasIdForm, isId18 } from './id-check.ts'
import { clip, otherForm } from './refused-row.ts'

/** Bytes of the longest row that the hot loop takes: two quotes, 18 characters, CR LF. */
const LONGEST_ROW = 22

/**
 * A text of one column: whatever stands in a line is the value, quoted or not. Ids are checked
 * where they lie in the source's bytes; no string or object is made for a row that is in order.
 */
export async function* scanColumn(
  chunks: AsyncIterable<Uint8Array>,
  firstLine: number,
  block: BlockBuilder,
): AsyncGenerator<ScannedBlock> {
  const reader = new ColumnReader(block, firstLine)
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
  #line: number
  /** The beginning of a line whose end has not come yet. */
  #carry = new Uint8Array(256)
  #carried = 0
  /** The last byte was a CR: a LF that follows belongs to the same line end. */
  #afterCr = false

  constructor(block: BlockBuilder, firstLine: number) {
    this.#block = block
    this.#line = firstLine
  }

  /** Reads from `from` until the block is full or the chunk is used up; returns how far it came. */
  read(chunk: Uint8Array, from: number): number {
    let at = from
    if (this.#afterCr) {
      this.#afterCr = false
      if (chunk[at] === LF) at++
    }
    if (this.#carried > 0 && at < chunk.length) at = this.#finishCarried(chunk, at)
    while (at < chunk.length && !this.#block.isFull) {
      at = this.#readRun(chunk, at)
      if (at < chunk.length && !this.#block.isFull) at = this.#readLine(chunk, at)
    }
    return at
  }

  /** The last line may lack its end. */
  end(): void {
    if (this.#carried > 0) this.#takeLine(this.#carry, 0, this.#carried)
    this.#carried = 0
  }

  /** The hot loop: whole rows of one 18-character id each, until something else comes. */
  #readRun(chunk: Uint8Array, from: number): number {
    const { ids, prefix } = this.#block
    const [p0, p1, p2] = prefix
    const lastStart = chunk.length - LONGEST_ROW
    let at = from
    let count = this.#block.count
    while (at <= lastStart && count < BLOCK_IDS) {
      const quoted = chunk[at] === QUOTE
      const start = quoted ? at + 1 : at
      if (chunk[start] !== p0 || chunk[start + 1] !== p1 || chunk[start + 2] !== p2) break
      if (!isId18(chunk, start)) break
      let end = start + 18
      if (quoted && chunk[end++] !== QUOTE) break
      if (chunk[end] === LF) at = end + 1
      else if (chunk[end] === CR) at = chunk[end + 1] === LF ? end + 2 : end + 1
      else break
      const to = count * ID_LENGTH
      for (let k = 0; k < ID_LENGTH; k++) ids[to + k] = chunk[start + k] ?? 0
      count++
    }
    this.#line += count - this.#block.count
    this.#block.count = count
    return at
  }

  /** Any one line. Keeps its beginning where its end is not in the chunk. */
  #readLine(chunk: Uint8Array, from: number): number {
    const end = lineEnd(chunk, from)
    if (end - from > MAX_LINE_BYTES) throw lineTooLong(this.#line)
    if (end === chunk.length) {
      this.#keep(chunk, from, end)
      return end
    }
    this.#takeLine(chunk, from, end)
    return this.#passLineEnd(chunk, end)
  }

  #finishCarried(chunk: Uint8Array, from: number): number {
    const end = lineEnd(chunk, from)
    this.#keep(chunk, from, end)
    if (end === chunk.length) return end
    this.#takeLine(this.#carry, 0, this.#carried)
    this.#carried = 0
    return this.#passLineEnd(chunk, end)
  }

  #passLineEnd(chunk: Uint8Array, end: number): number {
    if (chunk[end] === LF) return end + 1
    if (end + 1 === chunk.length) this.#afterCr = true
    return chunk[end + 1] === LF ? end + 2 : end + 1
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    const length = this.#carried + to - from
    if (length > MAX_LINE_BYTES) throw lineTooLong(this.#line)
    if (length > this.#carry.length) {
      const larger = new Uint8Array(Math.max(length, this.#carry.length * 2))
      larger.set(this.#carry.subarray(0, this.#carried))
      this.#carry = larger
    }
    this.#carry.set(chunk.subarray(from, to), this.#carried)
    this.#carried = length
  }

  #takeLine(bytes: Uint8Array, lineStart: number, lineStop: number): void {
    const line = this.#line++
    const [from, to] = trim(bytes, lineStart, lineStop)
    if (from === to) return
    if (bytes[from] !== QUOTE) this.#takeBare(bytes, from, to, line)
    else this.#takeQuoted(bytes, from, to, line)
  }

  #takeBare(bytes: Uint8Array, from: number, to: number, line: number): void {
    if (!hasIdForm(bytes, from, to) && holds(bytes, from, to, OTHER_FORM)) {
      this.#refuse(bytes, from, to, line, 'other columns or quotes in a text of one column')
    } else this.#block.check(bytes, from, to, line)
  }

  #takeQuoted(bytes: Uint8Array, from: number, to: number, line: number): void {
    const closed = to - from > 1 && bytes[to - 1] === QUOTE
    if (!closed || holds(bytes, from + 1, to - 1, QUOTES)) {
      this.#refuse(bytes, from, to, line, 'quotes that do not enclose one value on one line')
    } else this.#block.check(bytes, ...trim(bytes, from + 1, to - 1), line)
  }

  #refuse(bytes: Uint8Array, from: number, to: number, line: number, detail: string): void {
    this.#block.refuse(otherForm(line, clip(decode(bytes, from, to)), detail))
  }
}

const OTHER_FORM = new TextEncoder().encode(',;\t|"')
const QUOTES = new TextEncoder().encode('"')

function holds(bytes: Uint8Array, from: number, to: number, wanted: Uint8Array): boolean {
  for (let at = from; at < to; at++) if (wanted.includes(bytes[at] ?? 0)) return true
  return false
}

/** Where the line ends, or the chunk's length where it does not end in it. */
function lineEnd(chunk: Uint8Array, from: number): number {
  let at = from
  while (at < chunk.length && !isLineEnd(chunk[at])) at++
  return at
}

function trim(bytes: Uint8Array, start: number, stop: number): [from: number, to: number] {
  let from = start
  let to = stop
  while (from < to && isBlank(bytes[from])) from++
  while (to > from && isBlank(bytes[to - 1])) to--
  return [from, to]
}

export function lineTooLong(line: number): RefusedError {
  return new RefusedError(
    'LINE_TOO_LONG',
    `Line ${line} is longer than ${MAX_LINE_BYTES} bytes: expected one record id a line or a CSV. ` +
      'Nothing was deleted. Look for a quote that is never closed, or for a file of another kind.',
  )
}
