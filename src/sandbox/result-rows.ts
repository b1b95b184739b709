import { ID_LENGTH } from '../shared/contract/record-id.ts'
import type { ResultKind } from './fault-script.ts'
import { suffixByte } from './ids.ts'
import { DELIMITERS } from './job-request.ts'
import type { Job } from './jobs.ts'
import type { BlockReader } from './upload.ts'
import { VERDICT, type Verdicts } from './verdicts.ts'

const COLUMNS: Readonly<Record<ResultKind, readonly string[]>> = {
  successfulResults: ['"sf__Id"', '"sf__Created"'],
  failedResults: ['"sf__Id"', '"sf__Error"'],
  unprocessedRecords: [],
}

const QUOTE = 34

const lineEnd = (ending: Job['request']['lineEnding']) => (ending === 'CRLF' ? '\r\n' : '\n')

/**
 * One row of a result file: `"<18-character id>","false","<value>"`, `"","<error>","<value>"`, or
 * an unprocessed row as it was uploaded.
 */
export class RowWriter {
  readonly kind: ResultKind
  readonly #delimiter: string
  readonly #created: Uint8Array
  readonly #lineEnd: Uint8Array
  readonly #end: Uint8Array
  readonly #failedRow: (verdict: number) => FailedRow

  constructor({ request }: Job, kind: ResultKind, verdicts: Verdicts) {
    const delimiter = DELIMITERS[request.columnDelimiter]
    this.kind = kind
    this.#delimiter = delimiter
    this.#created = Buffer.from(`"${delimiter}"false"${delimiter}"`)
    this.#lineEnd = Buffer.from(lineEnd(request.lineEnding))
    this.#end = Buffer.from(`"${lineEnd(request.lineEnding)}`)
    const rows: (FailedRow | undefined)[] = []
    this.#failedRow = (verdict) => {
      rows[verdict] ??= failedRow(verdicts.textAround(verdict, request.object), delimiter)
      return rows[verdict]
    }
  }

  /** The header: the result columns, then that of the upload. */
  header(uploaded: string): Uint8Array {
    const columns = [...COLUMNS[this.kind], ...(uploaded === '' ? [] : [uploaded])]
    const line = columns.join(this.#delimiter)
    return line === '' ? new Uint8Array(0) : Buffer.concat([Buffer.from(line), this.#lineEnd])
  }

  write(out: ByteWriter, block: BlockReader, row: number, verdict: number): void {
    const start = block.starts[row] ?? 0
    const end = block.ends[row] ?? 0
    if (this.kind === 'unprocessedRecords') {
      const quotes = block.bytes[start - 1] === QUOTE ? 1 : 0
      out.appendRange(block.bytes, start - quotes, end + quotes)
      out.append(this.#lineEnd)
      return
    }
    if (this.kind === 'successfulResults') {
      out.appendByte(QUOTE)
      appendId18(out, block.bytes, start, end)
      out.append(this.#created)
    } else {
      const parts = this.#failedRow(verdict)
      for (let k = 0; k < parts.length; k++) {
        if (k > 0) appendValue(out, block.bytes, start, end, verdict)
        out.append(parts[k] ?? new Uint8Array(0))
      }
    }
    appendValue(out, block.bytes, start, end, verdict)
    out.append(this.#end)
  }
}

/** A failed row up to its last field, split at the row's value. */
type FailedRow = readonly Uint8Array[]

function failedRow(error: readonly string[], delimiter: string): FailedRow {
  const parts = error.map((part) => part.replaceAll('"', '""'))
  const between = `"${delimiter}"`
  return parts.map((part, k) => {
    const before = k === 0 ? `"${between}` : ''
    const after = k === parts.length - 1 ? between : ''
    return Buffer.from(before + part + after)
  })
}

/** The value of a deleted row, a well-formed id, in 18 characters. */
function appendId18(out: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
  out.appendRange(bytes, start, end)
  if (end - start > ID_LENGTH) return
  for (let block = 0; block < 3; block++) out.appendByte(suffixByte(bytes, start, block))
}

/** The value as it was sent. Only a value that is not an id can contain quotes. */
function appendValue(
  out: ByteWriter,
  bytes: Uint8Array,
  start: number,
  end: number,
  verdict: number,
): void {
  if (verdict === VERDICT.MALFORMED_ID) {
    out.appendEscaped(bytes, start, end, bytes[start - 1] === QUOTE)
  } else out.appendRange(bytes, start, end)
}

const SHORT = 32

/** A growing byte buffer. */
export class ByteWriter {
  #bytes: Uint8Array
  #length = 0

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
  }

  append(bytes: Uint8Array): void {
    if (bytes.length <= SHORT) this.appendRange(bytes, 0, bytes.length)
    else {
      this.#reserve(bytes.length)
      this.#bytes.set(bytes, this.#length)
      this.#length += bytes.length
    }
  }

  // A loop over locals instead of `set`: for 20 bytes the call would cost more than the copy.
  appendRange(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start)
    const out = this.#bytes
    let length = this.#length
    for (let at = start; at < end; at++) out[length++] = bytes[at] ?? 0
    this.#length = length
  }

  /** Appends a quoted value: doubles each quote, unless the source is already `doubled`. */
  appendEscaped(bytes: Uint8Array, start: number, end: number, doubled: boolean): void {
    this.#reserve(2 * (end - start))
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0
      this.#bytes[this.#length++] = byte
      if (byte !== QUOTE) continue
      this.#bytes[this.#length++] = QUOTE
      if (doubled && bytes[at + 1] === QUOTE) at++
    }
  }

  appendByte(byte: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = byte
  }

  /** The appended bytes, by reference; the writer must not be used again. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}
