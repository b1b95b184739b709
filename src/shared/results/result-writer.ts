import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, rename, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { effect } from '../base/trace.ts'
import type { ResultFile } from '../contract/receipt.ts'
import { createFile, makeFolder, onPath, temporaryName } from './files.ts'

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

/** Rows are buffered up to this many bytes: one system call for thousands of rows. */
const BUFFER_BYTES = 256 * 1024
/** Many chunks list few rows each, so a buffer starts small. */
const FIRST_BYTES = 1024

/** Up to this many bytes, a loop is faster than a call of `set`: 15 ns for an id instead of 100. */
const SHORT = 32

/** Writes a CSV file. Without rows no file is created. */
export class ResultWriter {
  readonly #path: string
  readonly #temporary: string
  readonly #header: readonly string[]
  readonly #check: () => Promise<void>
  readonly #hash: Hash = createHash('sha256')
  #buffer = new Uint8Array(0)
  #length = 0
  #bytes = 0
  #file: FileHandle | null = null
  rows = 0

  /** @param check checks that the directory is still the results store */
  constructor(path: string, header: readonly string[], check: () => Promise<void>) {
    this.#path = path
    this.#temporary = temporaryName(path)
    this.#header = header
    this.#check = check
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
    if (this.#length >= BUFFER_BYTES) await this.#flush()
  }

  /**
   * Writes the rest of the buffer. If the disk is full, this fails before the file gets its name.
   */
  async end(): Promise<void> {
    if (this.#length > 0) await this.#flush()
    await this.#close()
  }

  /** Gives the file its final name. Null if it has no rows. */
  async commit(): Promise<ResultFile | null> {
    if (this.rows === 0) return null
    await this.end()
    await effect('results:commit', () =>
      onPath(this.#path, async () => {
        await this.#check()
        await rename(this.#temporary, this.#path)
      }),
    )
    const sha256 = this.#hash.digest('hex')
    return { name: basename(this.#path), rows: this.rows, bytes: this.#bytes, sha256 }
  }

  /** Removes the file if it was not committed. */
  async discard(): Promise<void> {
    await this.#file?.close()
    this.#file = null
    await rm(this.#temporary, { force: true })
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
    await onPath(this.#path, async () => {
      this.#file ??= await this.#open()
      await this.#file.appendFile(block)
    })
    this.#hash.update(block)
    this.#bytes += block.length
    this.#length = 0
  }

  async #open(): Promise<FileHandle> {
    await this.#check()
    await makeFolder(dirname(this.#path))
    return createFile(this.#temporary)
  }

  /** A network file system may report a failed write only when the file is closed. */
  async #close(): Promise<void> {
    const file = this.#file
    this.#file = null
    if (file !== null) await onPath(this.#path, () => file.close())
  }
}
