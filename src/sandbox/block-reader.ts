import { type FileHandle, open } from 'node:fs/promises'
import { ROWS_PER_BATCH } from './quota.ts'
import type { Upload } from './upload.ts'

const LF = 10
const CR = 13
const QUOTE = 34

/**
 * Reads an upload {@link ROWS_PER_BATCH} rows at a time, in any order. Row k of the block that was
 * read last is `bytes[starts[k]..ends[k])`, without line ending and surrounding quotes. One reader's
 * arrays are used again for each block, so memory is that of one block whatever the upload's size.
 */
export class BlockReader {
  readonly starts = new Int32Array(ROWS_PER_BATCH)
  readonly ends = new Int32Array(ROWS_PER_BATCH)
  bytes: Uint8Array = new Uint8Array(0)
  /** Number of the block's first row in the upload, and how many it has. */
  firstRow = 0
  rows = 0
  readonly #upload: Upload
  readonly #file: FileHandle
  #buffer = new Uint8Array(0)

  private constructor(upload: Upload, file: FileHandle) {
    this.#upload = upload
    this.#file = file
  }

  static async open(upload: Upload): Promise<BlockReader> {
    return new BlockReader(upload, await open(upload.file))
  }

  get blocks(): number {
    return this.#upload.offsets.length - 1
  }

  async read(block: number): Promise<void> {
    const from = this.#upload.offsets[block] ?? 0
    const length = (this.#upload.offsets[block + 1] ?? from) - from
    if (this.#buffer.length < length) this.#buffer = new Uint8Array(Math.ceil(length * 1.125))
    for (let got = 0; got < length; ) {
      const { bytesRead } = await this.#file.read(this.#buffer, got, length - got, from + got)
      if (bytesRead === 0) throw new Error(`Upload ${this.#upload.file} ends before row ${block}`)
      got += bytesRead
    }
    this.bytes = this.#buffer.subarray(0, length)
    this.firstRow = block * ROWS_PER_BATCH
    this.rows = Math.min(ROWS_PER_BATCH, this.#upload.rows - this.firstRow)
    this.#findRows()
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  #findRows(): void {
    const { bytes, starts, ends } = this
    let start = 0
    for (let row = 0; row < this.rows; row++) {
      let end = start
      while (end < bytes.length && bytes[end] !== LF) end++
      const next = end + 1
      if (end > start && bytes[end - 1] === CR) end--
      const quoted = end - start >= 2 && bytes[start] === QUOTE && bytes[end - 1] === QUOTE
      starts[row] = quoted ? start + 1 : start
      ends[row] = quoted ? end - 1 : end
      start = next
    }
  }
}
