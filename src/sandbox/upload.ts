import { createWriteStream } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { ROWS_PER_BATCH } from './settings.ts'

/** One stored CSV and its row offsets, recorded while it arrived. */
export interface Upload {
  readonly file: string
  readonly bytes: number
  /** Its first line, without line ending. */
  readonly header: string
  readonly rows: number
  /** Where each run of {@link ROWS_PER_BATCH} rows begins, and where the last one ends. */
  readonly offsets: readonly number[]
  /** False if a line ends differently than the job states. */
  readonly lineEndingIsRight: boolean
  readonly hasCarriageReturn: boolean
}

interface Receiving {
  readonly body: AsyncIterable<Uint8Array>
  readonly file: string
  readonly lineEnding: 'LF' | 'CRLF'
  readonly maxBytes: number
  /** Stops after this many bytes, for a fault script. */
  readonly cutAfter?: number | undefined
}

export class UploadCut extends Error {
  override readonly name = 'UploadCut'
}

/** Streams a body to its file; undefined if it is longer than allowed. */
export async function receiveUpload(receiving: Receiving): Promise<Upload | undefined> {
  const map = new UploadMap(receiving.lineEnding)
  try {
    await pipeline(mapped(receiving, map), createWriteStream(receiving.file))
  } catch (error) {
    await rm(receiving.file, { force: true })
    throw error
  }
  if (map.bytes <= receiving.maxBytes) return map.finish(receiving.file)
  await rm(receiving.file, { force: true })
  return undefined
}

async function* mapped({ body, maxBytes, cutAfter }: Receiving, map: UploadMap) {
  for await (const chunk of body) {
    map.feed(chunk)
    if (cutAfter !== undefined && map.bytes >= cutAfter) throw new UploadCut()
    // Beyond the limit the rest is read and discarded, because closing at once would hide the
    // answer.
    if (map.bytes <= maxBytes) yield chunk
  }
}

const LF = 10
const CR = 13
const MAX_HEADER = 32_000

class UploadMap {
  bytes = 0
  readonly #crlf: boolean
  readonly #header: Uint8Array[] = []
  #headerBytes = 0
  #inHeader = true
  #rows = 0
  #offsets: number[] = []
  #lastByte = LF
  #lineEndingIsRight = true
  #hasCarriageReturn = false

  constructor(lineEnding: 'LF' | 'CRLF') {
    this.#crlf = lineEnding === 'CRLF'
  }

  feed(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    if (chunk.includes(CR)) this.#hasCarriageReturn = true
    if (this.#crlf) this.#checkCrlf(chunk)
    else if (this.#hasCarriageReturn) this.#lineEndingIsRight = false
    this.#countRows(chunk, this.#inHeader ? this.#takeHeader(chunk) : 0)
    this.bytes += chunk.length
    this.#lastByte = chunk.at(-1) ?? LF
  }

  finish(file: string): Upload {
    const rows = this.#inHeader || this.#lastByte === LF ? this.#rows : this.#rows + 1
    const offsets = this.#offsets.slice(0, Math.ceil(rows / ROWS_PER_BATCH))
    return {
      file,
      bytes: this.bytes,
      header: Buffer.concat(this.#header).toString('utf8').replace(/\r$/, ''),
      rows,
      offsets: [...offsets, this.bytes],
      lineEndingIsRight: this.#lineEndingIsRight,
      hasCarriageReturn: this.#hasCarriageReturn,
    }
  }

  /** Keeps the first line; returns where the rows begin in this chunk. */
  #takeHeader(chunk: Uint8Array): number {
    const end = chunk.indexOf(LF)
    const part = end < 0 ? chunk : chunk.subarray(0, end)
    this.#header.push(part.slice(0, Math.max(0, MAX_HEADER - this.#headerBytes)))
    this.#headerBytes += part.length
    if (end < 0) return chunk.length
    this.#inHeader = false
    this.#offsets.push(this.bytes + end + 1)
    return end + 1
  }

  // A plain loop: 1 GB/s here; indexOf from one 19-byte line to the next is slower.
  #countRows(chunk: Uint8Array, from: number): void {
    for (let at = from; at < chunk.length; at++) {
      if (chunk[at] !== LF) continue
      this.#rows++
      if (this.#rows % ROWS_PER_BATCH === 0) this.#offsets.push(this.bytes + at + 1)
    }
  }

  #checkCrlf(chunk: Uint8Array): void {
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) {
      const before = at === 0 ? this.#lastByte : chunk[at - 1]
      if (before !== CR) this.#lineEndingIsRight = false
    }
  }
}

const QUOTE = 34

/**
 * Reads an upload {@link ROWS_PER_BATCH} rows at a time, in any order. Row k of the last block read
 * is `bytes[starts[k]..ends[k])`, without line ending and surrounding quotes. The arrays are reused
 * for each block, so memory is that of one block, whatever the upload's size.
 */
export class BlockReader {
  readonly starts = new Int32Array(ROWS_PER_BATCH)
  readonly ends = new Int32Array(ROWS_PER_BATCH)
  bytes: Uint8Array = new Uint8Array(0)
  /** Number of the block's first row in the upload, and how many rows it has. */
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
