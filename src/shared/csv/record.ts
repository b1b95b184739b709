/**
 * Parses CSV bytes: for the first row of a source, its rows, and result files. It
 * follows RFC 4180 and accepts any line end, quoted fields with doubled quotes and line ends, and
 * blanks around the quotes. It returns offsets, so that only the fields in use become strings.
 * fast-csv takes five to seven times as long (measured side by side); a test compares what both read,
 * and the command line reads result files with it.
 */

const TAB = 9
export const LF = 10
export const CR = 13
const SPACE = 32
export const QUOTE = 34

/** Space, tab, vertical tab, form feed: the bytes trimmed around a value. */
export function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB || byte === 11 || byte === 12
}

export function isLineEnd(byte: number | undefined): boolean {
  return byte === LF || byte === CR
}

/** Meaning of a byte; values from `DELIMITER` on end a field. */
const PLAIN = 0
const BLANK = 1
const QUOTES = 2
const DELIMITER = 3
const LINE_END = 4

/** Where a record deviates from RFC 4180. */
interface CsvProblem {
  readonly kind: 'quote in field' | 'text behind quote'
  /** Bytes and line ends of the record before the problem. */
  readonly offset: number
  readonly lines: number
}

interface CsvForm {
  /** Each of these characters separates fields. */
  readonly delimiters: string
  /** False if quotes have no special meaning. */
  readonly quotes?: boolean
}

/** One record, with its fields as offsets. Valid until the next one is read. */
export class CsvRecord {
  readonly #kinds = new Uint8Array(256).fill(PLAIN)
  #bytes: Buffer = Buffer.alloc(0)
  #view = new DataView(this.#bytes.buffer, 0, 0)
  #from = 0
  #stop = 0
  /** Where the next record begins. */
  #next = 0
  #starts: number[] = []
  #ends: number[] = []
  /** Position of the byte that ends each field. */
  #stops: number[] = []
  #doubled: boolean[] = []
  #count = 0
  /** From its first quoted field to its last; line ends can occur only there. */
  #quotedFrom = 0
  #quotedTo = 0
  /** Line ends within the record; -1 until they are counted. */
  #lines = -1
  #problem: CsvProblem | null = null

  constructor({ delimiters, quotes = true }: CsvForm) {
    for (const byte of [SPACE, TAB, 11, 12]) this.#kinds[byte] = BLANK
    for (const byte of [CR, LF]) this.#kinds[byte] = LINE_END
    if (quotes) this.#kinds[QUOTE] = QUOTES
    for (const byte of Buffer.from(delimiters)) this.#kinds[byte] = DELIMITER
  }

  get count(): number {
    return this.#count
  }

  /** Line ends within its quotes. */
  get lines(): number {
    if (this.#lines < 0) this.#lines = this.#countLines(this.#quotedTo)
    return this.#lines
  }

  /** The first problem. The rest of the record is still read as far as possible. */
  get problem(): CsvProblem | null {
    return this.#problem
  }

  get isEmpty(): boolean {
    return this.#count === 1 && this.#starts[0] === this.#ends[0]
  }

  /** Its bytes with the line end. */
  get row(): Buffer {
    return this.#bytes.subarray(this.#from, this.#next)
  }

  /** Its bytes without the line end, as far as they have arrived. */
  get bytes(): Buffer {
    return this.#bytes.subarray(this.#from, this.#stop)
  }

  get length(): number {
    return this.#stop - this.#from
  }

  get firstByte(): number | undefined {
    return this.#bytes[this.#from]
  }

  copy(target: Buffer, at: number): void {
    this.#bytes.copy(target, at, this.#from, this.#stop)
  }

  /** Bytes of a field, 0 if the record has none such: an upper bound for its characters. */
  size(index: number): number {
    if (index < 0 || index >= this.#count) return 0
    return (this.#ends[index] ?? 0) - (this.#starts[index] ?? 0)
  }

  /** The bytes that it lies in. */
  get view(): DataView {
    return this.#view
  }

  /** Where in `view` a field's bytes begin, if the record has the field. */
  start(index: number): number {
    return this.#starts[index] ?? this.#from
  }

  /** Where in `row` a field's bytes begin. */
  offset(index: number): number {
    return (this.#starts[index] ?? this.#from) - this.#from
  }

  /** Copies a field's bytes, as many as `target` has room for. */
  copyField(index: number, target: Uint8Array): void {
    const start = this.#starts[index] ?? 0
    const length = Math.min(this.size(index), target.length)
    for (let k = 0; k < length; k++) target[k] = this.#bytes[start + k] ?? 0
  }

  /** Whether a field's bytes begin with these. */
  fieldStartsWith(index: number, bytes: Uint8Array): boolean {
    const start = this.#starts[index] ?? 0
    if (this.size(index) < bytes.length) return false
    return bytes.every((byte, k) => this.#bytes[start + k] === byte)
  }

  /** A field as text without its quotes; empty if the record has no such field. */
  text(index: number): string {
    if (index < 0 || index >= this.#count) return ''
    const text = this.#bytes.toString('utf8', this.#starts[index], this.#ends[index])
    return this.#doubled[index] ? text.replaceAll('""', '"') : text
  }

  texts(): string[] {
    return Array.from({ length: this.#count }, (_, index) => this.text(index))
  }

  /** The delimiters between its fields. */
  separators(): string[] {
    const stops = this.#stops.slice(0, this.#count - 1)
    return stops.map((at) => String.fromCharCode(this.#bytes[at] ?? 0))
  }

  /**
   * Reads the record that begins at `at`. Returns where the next one begins, or -1 if the bytes end
   * before the record does. With `last`, the end of the bytes also ends the record, except within
   * quotes.
   */
  read(bytes: Buffer, at: number, last: boolean): number {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    this.#from = at
    this.#stop = bytes.length
    this.#count = 0
    this.#quotedFrom = at
    this.#quotedTo = at
    this.#lines = -1
    this.#problem = null
    for (let start = at; ; ) {
      const stop = this.#readField(bytes, start)
      if (stop < 0 || (stop >= bytes.length && !last)) return -1
      this.#stops[this.#count - 1] = stop
      const byte = bytes[stop] ?? LF
      if (this.#kinds[byte] === DELIMITER) {
        start = stop + 1
        continue
      }
      this.#stop = stop
      // A CR at the very end may have its LF in the next chunk.
      if (byte === CR && stop + 1 >= bytes.length && !last) return -1
      const isCrLf = byte === CR && bytes[stop + 1] === LF
      this.#next = isCrLf ? stop + 2 : Math.min(stop + 1, bytes.length)
      return this.#next
    }
  }

  /** Returns the position of the byte that ends the field; -1 if its closing quote is missing. */
  #readField(bytes: Buffer, start: number): number {
    const at = this.#skipBlanks(bytes, start)
    if (this.#kindAt(bytes, at) === QUOTES) return this.#readQuoted(bytes, at + 1)
    const stop = this.#skipTo(bytes, at, 'quote in field')
    this.#push(start, stop, false)
    return stop
  }

  #readQuoted(bytes: Buffer, start: number): number {
    if (this.#quotedTo === this.#from) this.#quotedFrom = start
    let doubled = false
    for (let at = start; ; ) {
      const quote = bytes.indexOf(QUOTE, at)
      if (quote < 0) return -1
      const kind = this.#kindAt(bytes, quote + 1)
      if (kind !== QUOTES) {
        this.#push(start, quote, doubled)
        this.#quotedTo = quote
        return kind >= DELIMITER ? quote + 1 : this.#skipBehind(bytes, quote + 1)
      }
      doubled = true
      at = quote + 2
    }
  }

  #skipBehind(bytes: Buffer, quote: number): number {
    const at = this.#skipBlanks(bytes, quote)
    if (this.#kindAt(bytes, at) >= DELIMITER) return at
    this.#note('text behind quote', at)
    return this.#skipTo(bytes, at, 'text behind quote')
  }

  #skipBlanks(bytes: Buffer, from: number): number {
    let at = from
    while (this.#kindAt(bytes, at) === BLANK) at++
    return at
  }

  /** The end of the bytes counts as a line end. */
  #kindAt(bytes: Buffer, at: number): number {
    return at < bytes.length ? (this.#kinds[bytes[at] ?? 0] ?? PLAIN) : LINE_END
  }

  /** Skips to the end of the field. */
  #skipTo(bytes: Buffer, from: number, quote: CsvProblem['kind']): number {
    const kinds = this.#kinds
    for (let at = from; at < bytes.length; at++) {
      const kind = kinds[bytes[at] ?? 0] ?? PLAIN
      if (kind < QUOTES) continue
      if (kind > QUOTES) return at
      this.#note(quote, at)
    }
    return bytes.length
  }

  #note(kind: CsvProblem['kind'], at: number): void {
    this.#problem ??= { kind, offset: at - this.#from, lines: this.#countLines(at) }
  }

  #countLines(to: number): number {
    const bytes = this.#bytes
    let lines = 0
    for (let at = this.#quotedFrom; at < to; at++) {
      if (bytes[at] === CR || (bytes[at] === LF && bytes[at - 1] !== CR)) lines++
    }
    return lines
  }

  #push(start: number, end: number, doubled: boolean): void {
    this.#starts[this.#count] = start
    this.#ends[this.#count] = end
    this.#doubled[this.#count] = doubled
    this.#count++
  }
}
