import { createHash, type Hash } from 'node:crypto'
import type { ResultFile } from '../contract/receipt.ts'
import { csvLine } from './csv.ts'

/** Size, rows and SHA-256 of a result file while the parts that it consists of are read. */
export class Joining {
  /** The header, with which the file and each part begin. */
  readonly start: Buffer
  readonly broken: ResultFile[] = []
  #hash: Hash
  #before: Hash
  /** Bytes of the current part's header that are still to come. */
  #skip = 0
  #bytes: number
  #rows = 0

  constructor(header: readonly string[]) {
    this.start = Buffer.from(csvLine(header))
    this.#hash = createHash('sha256').update(this.start)
    this.#before = this.#hash
    this.#bytes = this.start.length
  }

  /** Of the file so far. */
  get bytes(): number {
    return this.#bytes
  }

  begin(): void {
    this.#before = this.#hash.copy()
    this.#skip = this.start.length
  }

  /** Takes the next bytes of a part. Returns those that belong to the file. */
  take(block: Uint8Array): Uint8Array {
    const rows = block.subarray(this.#skip)
    this.#skip = Math.max(0, this.#skip - block.length)
    this.#hash.update(rows)
    return rows
  }

  /** The part was as it was written. */
  keep({ bytes, rows }: ResultFile): void {
    this.#bytes += bytes - this.start.length
    this.#rows += rows
  }

  /** The part was not, so none of it belongs to the file. */
  drop(part: ResultFile): void {
    this.#hash = this.#before
    this.broken.push(part)
  }

  /** Null if there are no rows. */
  file(name: string): ResultFile | null {
    if (this.#rows === 0) return null
    const sha256 = this.#hash.copy().digest('hex')
    return { name, rows: this.#rows, bytes: this.#bytes, sha256 }
  }
}
