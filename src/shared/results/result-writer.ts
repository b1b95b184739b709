import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { effect } from '../effect.ts'
import { temporaryName } from './replace-file.ts'

/** A CSV in the making. Without a row no file appears, and one of an earlier try is removed. */
export interface ResultWriter {
  readonly rows: number
  /** Gathers a row: values in the order of the header, one per column. */
  write(values: readonly (string | number)[]): void
  /** Writes out what has gathered, once it is worth a system call. Await it now and then. */
  drain(): Promise<void>
  commit(): Promise<void>
  /** Leaves nothing behind. */
  discard(): Promise<void>
}

/** Quoted only where it must be, so that the common file stays small and plain. */
export function csvField(value: string | number): string {
  const text = String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export function headerLine(header: readonly string[]): string {
  return `${header.join(',')}\n`
}

/** Rows are gathered to this many characters: one system call for thousands of rows. */
const BUFFER_CHARS = 256 * 1024

export class CsvWriter implements ResultWriter {
  readonly #folder: string
  readonly #path: string
  readonly #temporary: string
  readonly #header: readonly string[]
  #buffer = ''
  #file: FileHandle | null = null
  rows = 0

  constructor(folder: string, name: string, header: readonly string[]) {
    this.#folder = folder
    this.#path = join(folder, name)
    this.#temporary = temporaryName(this.#path)
    this.#header = header
  }

  write(values: readonly (string | number)[]): void {
    if (this.rows === 0) this.#buffer = headerLine(this.#header)
    this.rows++
    let line = ''
    for (let k = 0; k < values.length; k++) line += (k > 0 ? ',' : '') + csvField(values[k] ?? '')
    this.#buffer += `${line}\n`
  }

  async drain(): Promise<void> {
    if (this.#buffer.length >= BUFFER_CHARS) await this.#flush()
  }

  commit(): Promise<void> {
    return effect('results:commit', () => this.#commit())
  }

  async #commit(): Promise<void> {
    if (this.rows === 0) {
      await rm(this.#path, { force: true })
      return
    }
    await this.#flush()
    await this.#file?.close()
    this.#file = null
    await rename(this.#temporary, this.#path)
  }

  async discard(): Promise<void> {
    await this.#file?.close()
    this.#file = null
    await rm(this.#temporary, { force: true })
  }

  async #flush(): Promise<void> {
    if (this.#file === null) {
      await mkdir(this.#folder, { recursive: true })
      this.#file = await open(this.#temporary, 'w')
    }
    const text = this.#buffer
    this.#buffer = ''
    await this.#file.appendFile(text)
  }
}
