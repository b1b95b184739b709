import type { RefusedError } from '../../shared/base/errors.ts'
import {
  brokenCsv,
  NEVER_CLOSED,
  QUOTE_IN_FIELD,
  SECOND_MARK,
  TEXT_BEHIND_QUOTE,
} from './broken-csv.ts'
import { CR, isBlank, isLineEnd, isMark, LF, lineTooLong, MAX_LINE_BYTES, QUOTE } from './bytes.ts'

/** Whole rows of a CSV, each ended by one LF. */
export interface RowGroup {
  readonly bytes: Uint8Array
  /** The line on which each row of `bytes` begins. */
  readonly lines: readonly number[]
}

/**
 * Bytes of a group: what fast-csv holds at once, for it holds the rows of a whole write. With four
 * times as many a file takes an eighth longer: the rows outlive the garbage collector's first look.
 */
const GROUP_BYTES = 16_384

/** Where in a row the reader is: so far nothing but blanks, */
const ROW_START = 0
/** behind a delimiter and blanks, */
const FIELD_START = 1
const UNQUOTED = 2
const QUOTED = 3
/** behind a quote that closes the field, or is the first of two that mean one, */
const AFTER_QUOTE = 4
/** or behind a closed field and blanks. */
const AFTER_FIELD = 5

/**
 * Cuts the bytes of a CSV into rows before fast-csv sees them, for what it does not offer: the line
 * of each row where quotes hold line ends, a bound on the length of a row, and RFC 4180 to the
 * letter, where fast-csv takes a quote within a field as a character.
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
  #lines: number[] = []

  constructor(delimiter: string, firstLine: number) {
    this.#delimiter = delimiter.charCodeAt(0)
    this.#line = firstLine
    this.#firstLine = firstLine
    for (const byte of [this.#delimiter, QUOTE, CR, LF]) this.#special[byte] = 1
  }

  /**
   * Cuts a chunk; yields groups as they fill.
   *
   * @throws RefusedError BROKEN_CSV, LINE_TOO_LONG
   */
  *read(chunk: Uint8Array): Generator<RowGroup> {
    let from = 0
    for (let at = 0; at < chunk.length; at++) {
      if (this.#state === UNQUOTED || this.#state === QUOTED) at = this.#skipPlain(chunk, at)
      const byte = chunk[at]
      if (byte === undefined) break
      if (!isLineEnd(byte)) {
        this.#afterCr = false
        const problem = this.#step(byte)
        if (problem === undefined) continue
        this.#append(chunk, from, at)
        throw this.#broken(problem)
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
    if (this.#state === QUOTED) throw brokenCsv(this.#firstLine, NEVER_CLOSED)
    this.#endRow(new Uint8Array(0), 0, 0)
    if (this.#lines.length > 0) yield this.#take()
  }

  get #isFull(): boolean {
    return this.#length >= GROUP_BYTES
  }

  #skipPlain(chunk: Uint8Array, from: number): number {
    let at = from
    while (at < chunk.length && this.#special[chunk[at] ?? 0] === 0) at++
    // Bytes in between were no CR.
    if (at > from) this.#afterCr = false
    return at
  }

  /** Goes on by a byte that ends no line; returns what is wrong with it, if anything. */
  #step(byte: number): string | undefined {
    const state = this.#state
    if (state === QUOTED) {
      if (byte === QUOTE) this.#state = AFTER_QUOTE
    } else if (byte === this.#delimiter) this.#state = FIELD_START
    else if (byte === QUOTE) {
      if (state === UNQUOTED) return QUOTE_IN_FIELD
      if (state === AFTER_FIELD) return TEXT_BEHIND_QUOTE
      this.#state = QUOTED
    } else if (isBlank(byte)) {
      if (state === AFTER_QUOTE) this.#state = AFTER_FIELD
    } else {
      if (state === AFTER_QUOTE || state === AFTER_FIELD) return TEXT_BEHIND_QUOTE
      this.#state = UNQUOTED
    }
    return undefined
  }

  /** Ends the row whose last bytes are these. */
  #endRow(chunk: Uint8Array, from: number, to: number): void {
    this.#append(chunk, from, to)
    if (this.#state === ROW_START) this.#length = this.#rowStart
    else {
      if (isMark(this.#buffer, this.#rowStart)) throw this.#broken(SECOND_MARK)
      this.#append(LINE_END, 0, 1)
      this.#lines.push(this.#firstLine)
      this.#rowStart = this.#length
    }
    this.#firstLine = this.#line
    this.#state = ROW_START
  }

  /** Another export pasted below is named as that, whatever else shows that it is one. */
  #broken(problem: string): RefusedError {
    const isOther = isMark(this.#buffer, this.#rowStart)
    if (isOther) return brokenCsv(this.#firstLine, SECOND_MARK)
    const from = this.#line > this.#firstLine ? `, in the row from line ${this.#firstLine} on` : ''
    return brokenCsv(this.#line, problem + from)
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
    const group = { bytes: this.#buffer.slice(0, this.#length), lines: this.#lines }
    this.#length = 0
    this.#rowStart = 0
    this.#lines = []
    return group
  }
}

const LINE_END = Uint8Array.of(LF)
