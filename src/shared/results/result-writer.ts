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

export function headerLine(header: readonly string[]): string {
  return `${header.join(',')}\n`
}

/** Rows are buffered up to this many characters: one system call for thousands of rows. */
const BUFFER_CHARS = 256 * 1024

/** Writes a CSV file. Without rows no file is created. */
export class ResultWriter {
  readonly #path: string
  readonly #temporary: string
  readonly #header: readonly string[]
  readonly #check: () => Promise<void>
  readonly #hash: Hash = createHash('sha256')
  #buffer = ''
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
    if (this.rows === 0) this.#buffer = headerLine(this.#header)
    this.rows++
    let line = ''
    for (let k = 0; k < values.length; k++) line += (k > 0 ? ',' : '') + csvField(values[k] ?? '')
    this.#buffer += `${line}\n`
  }

  /** Writes the buffer if it is full. Await it regularly. */
  async drain(): Promise<void> {
    if (this.#buffer.length >= BUFFER_CHARS) await this.#flush()
  }

  /**
   * Writes the rest of the buffer. If the disk is full, this fails before the file gets its name.
   */
  async end(): Promise<void> {
    if (this.#buffer !== '') await this.#flush()
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

  async #flush(): Promise<void> {
    const text = this.#buffer
    this.#buffer = ''
    await onPath(this.#path, async () => {
      this.#file ??= await this.#open()
      await this.#file.appendFile(text)
    })
    this.#hash.update(text)
    this.#bytes += Buffer.byteLength(text)
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
