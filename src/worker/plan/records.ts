import {
  CR,
  decode,
  isBlank,
  isLineEnd,
  LF,
  lineTooLong,
  MAX_LINE_BYTES,
  QUOTE,
  viewOf,
} from './bytes.ts'
import { clip, otherForm, type RefusedRow } from './refused-row.ts'

/** Whole rows of a CSV, each ended by one LF. */
export interface RowGroup {
  readonly bytes: Uint8Array
  /** In order: the line on which each row of `bytes` begins, and between them what was refused. */
  readonly records: readonly (number | RefusedRow)[]
}

/**
 * Bytes of a group: what fast-csv holds at once, for it holds the rows of a whole write. With four
 * times as many a file takes an eighth longer: the rows outlive the garbage collector's first look.
 */
const GROUP_BYTES = 16_384

/** Rows of a group: refused ones take no room in it, and must not pile up. */
const GROUP_RECORDS = 8192

/** Where in a row the reader is: so far nothing but blanks, */
const ROW_START = 0
/** behind a delimiter and blanks, */
const FIELD_START = 1
const UNQUOTED = 2
const QUOTED = 3
/** behind a quote that closes the field, or is the first of two that mean one, */
const AFTER_QUOTE = 4
/** behind a closed field and blanks, */
const AFTER_FIELD = 5
/** behind bytes above ASCII, which to fast-csv may be spaces, after which a quote opens, */
const UNCERTAIN = 6
/** or behind quotes that do not match: the row goes on to the end of the line. */
const MALFORMED = 7

/**
 * Cuts the bytes of a CSV into rows before fast-csv sees them, for what it does not offer: the line
 * of each row where quotes hold line ends, a bound on the length of a row, and badly quoted rows
 * refused one by one, where fast-csv ends with an error that quotes the rest of the file.
 */
export class RecordReader {
  readonly #delimiter: number
  /** 1 for each byte that can end a bare or quoted stretch. */
  readonly #special = new Uint8Array(256)
  #state = ROW_START
  #afterCr = false
  /** The current line, and the one on which the current row begins. */
  #line: number
  #firstLine: number
  #buffer = new Uint8Array(2 * GROUP_BYTES)
  /** Bytes in the buffer, and where in it a row begins whose end has not come yet. */
  #length = 0
  #rowStart = 0
  #records: (number | RefusedRow)[] = []

  constructor(delimiter: string, firstLine: number) {
    this.#delimiter = delimiter.charCodeAt(0)
    this.#line = firstLine
    this.#firstLine = firstLine
    for (const byte of [this.#delimiter, QUOTE, CR, LF]) this.#special[byte] = 1
  }

  /** Cuts a chunk; yields groups as they fill. */
  *read(chunk: Uint8Array): Generator<RowGroup> {
    let from = 0
    for (let at = 0; at < chunk.length; at++) {
      if (this.#state === UNQUOTED || this.#state === QUOTED) at = this.#skipPlain(chunk, at)
      const byte = chunk[at]
      if (byte === undefined) break
      if (!isLineEnd(byte)) {
        this.#afterCr = false
        this.#state = this.#next(byte)
        continue
      }
      const endsCrLf = byte === LF && this.#afterCr
      this.#afterCr = byte === CR
      if (!endsCrLf) this.#line++
      if (this.#state === QUOTED) continue
      if (!endsCrLf) this.#endRow(chunk, from, at)
      from = at + 1
      if (this.#isFull) yield this.#take()
    }
    this.#append(chunk, from, chunk.length)
  }

  /** The last row may lack its line end. */
  *end(): Generator<RowGroup> {
    if (!isLineEnd(this.#buffer[this.#length - 1])) this.#line++
    if (this.#state === QUOTED) this.#state = MALFORMED
    this.#endRow(new Uint8Array(0), 0, 0)
    if (this.#records.length > 0) yield this.#take()
  }

  get #isFull(): boolean {
    return this.#length >= GROUP_BYTES || this.#records.length >= GROUP_RECORDS
  }

  #skipPlain(chunk: Uint8Array, from: number): number {
    let at = from
    while (at < chunk.length && this.#special[chunk[at] ?? 0] === 0) at++
    // Bytes in between were no CR.
    if (at > from) this.#afterCr = false
    return at
  }

  /** The state after a byte that ends no line. */
  #next(byte: number): number {
    const state = this.#state
    if (byte === this.#delimiter && state !== QUOTED && state !== MALFORMED) return FIELD_START
    const blank = isBlank(byte)
    switch (state) {
      case ROW_START:
      case FIELD_START:
        if (blank) return state
        if (byte === QUOTE) return QUOTED
        return byte < 128 ? UNQUOTED : UNCERTAIN
      case UNCERTAIN:
        if (byte === QUOTE) return MALFORMED
        return blank || byte >= 128 ? UNCERTAIN : UNQUOTED
      case QUOTED:
        return byte === QUOTE ? AFTER_QUOTE : QUOTED
      case AFTER_QUOTE:
        if (byte === QUOTE) return QUOTED
        return blank ? AFTER_FIELD : MALFORMED
      case AFTER_FIELD:
        return blank ? AFTER_FIELD : MALFORMED
      default:
        return state
    }
  }

  /** Ends the row whose last bytes are these. */
  #endRow(chunk: Uint8Array, from: number, to: number): void {
    this.#append(chunk, from, to)
    if (this.#state === MALFORMED) this.#refuse()
    else if (this.#state !== ROW_START) {
      this.#append(LINE_END, 0, 1)
      this.#records.push(this.#firstLine)
      this.#rowStart = this.#length
    }
    this.#length = this.#rowStart
    this.#firstLine = this.#line
    this.#state = ROW_START
  }

  #refuse(): void {
    const last = this.#line - 1
    const lines = last > this.#firstLine ? ` from line ${this.#firstLine} to line ${last}` : ''
    const value = clip(decode(viewOf(this.#buffer), this.#rowStart, this.#length))
    this.#records.push(otherForm(this.#firstLine, value, `quotes that do not match${lines}`))
  }

  #append(chunk: Uint8Array, from: number, to: number): void {
    const length = this.#length + to - from
    if (length - this.#rowStart > MAX_LINE_BYTES) throw lineTooLong(this.#firstLine)
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, this.#buffer.length * 2))
      larger.set(this.#buffer.subarray(0, this.#length))
      this.#buffer = larger
    }
    this.#buffer.set(chunk.subarray(from, to), this.#length)
    this.#length = length
  }

  #take(): RowGroup {
    const group = { bytes: this.#buffer.slice(0, this.#length), records: this.#records }
    this.#length = 0
    this.#rowStart = 0
    this.#records = []
    return group
  }
}

const LINE_END = Uint8Array.of(LF)
