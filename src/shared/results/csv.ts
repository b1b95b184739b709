import { createHash, type Hash } from 'node:crypto'
import { effect } from '../base/trace.ts'
import type { ResultFile } from '../contract/receipt.ts'

/** Quotes only values that need it, to keep the usual file small. */
function csvField(value: string | number): string {
  const text = String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** One row with its line end. */
export function csvLine(values: readonly (string | number)[]): string {
  let line = ''
  for (let k = 0; k < values.length; k++) line += (k > 0 ? ',' : '') + csvField(values[k] ?? '')
  return `${line}\n`
}

/** Many chunks list few rows each, so a buffer starts small. */
const FIRST_BYTES = 1024

/** Up to this many bytes, a loop is faster than a call of `set`: 15 ns for an id instead of 100. */
const SHORT = 32

/** Where a part is written to: its bytes appear under its name on commit, or not at all. */
export interface PartTarget {
  readonly name: string
  /** Rows are buffered up to this many bytes. */
  readonly blockBytes: number
  /** Takes the next bytes; it may use the block until its promise resolves. */
  write(block: Uint8Array): Promise<void>
  /** Fails if the bytes taken could not be stored. */
  end(): Promise<void>
  commit(): Promise<void>
  /** Removes what was written but not committed. */
  discard(): Promise<void>
}

/** Writes a part of a result file as CSV. Without rows nothing is stored. */
export class ResultWriter {
  readonly #target: PartTarget
  readonly #header: readonly string[]
  readonly #hash: Hash = createHash('sha256')
  #buffer = new Uint8Array(0)
  #length = 0
  #bytes = 0
  rows = 0

  constructor(header: readonly string[], target: PartTarget) {
    this.#header = header
    this.#target = target
  }

  /** Buffers a row: one value per column, in the order of the header. */
  write(values: readonly (string | number)[]): void {
    this.append(Buffer.from(csvLine(values)), 1)
  }

  /**
   * Buffers bytes that are already CSV.
   *
   * @param rows the number of rows that end in them
   */
  append(bytes: Uint8Array, rows: number): void {
    if (this.#bytes + this.#length === 0) this.#put(Buffer.from(csvLine(this.#header)))
    this.#put(bytes)
    this.rows += rows
  }

  /** Writes the buffer if it is full. Await it regularly. */
  async drain(): Promise<void> {
    if (this.#length >= this.#target.blockBytes) await this.#flush()
  }

  /**
   * Writes the rest of the buffer. If the store is full, this fails before the part gets its name.
   */
  async end(): Promise<void> {
    if (this.#length > 0) await this.#flush()
    await this.#target.end()
  }

  /** Gives the part its name. Null if it has no rows. */
  async commit(): Promise<ResultFile | null> {
    if (this.rows === 0) return null
    await this.end()
    await effect('results:commit', () => this.#target.commit())
    const sha256 = this.#hash.digest('hex')
    return { name: this.#target.name, rows: this.rows, bytes: this.#bytes, sha256 }
  }

  /** Removes what was written, unless it was committed. */
  discard(): Promise<void> {
    return this.#target.discard()
  }

  #put(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#buffer.length, FIRST_BYTES))
      grown.set(this.#buffer.subarray(0, this.#length))
      this.#buffer = grown
    }
    if (bytes.length > SHORT) this.#buffer.set(bytes, this.#length)
    else for (let k = 0; k < bytes.length; k++) this.#buffer[this.#length + k] = bytes[k] ?? 0
    this.#length = needed
  }

  async #flush(): Promise<void> {
    const block = this.#buffer.subarray(0, this.#length)
    const written = this.#target.write(block)
    // Meanwhile another thread writes the block.
    this.#hash.update(block)
    await written
    this.#bytes += block.length
    this.#length = 0
  }
}
