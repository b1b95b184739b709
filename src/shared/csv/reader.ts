import { CsvRecord } from './record.ts'

/** Bytes of a chunk that are first joined to the unfinished record before it. */
const SEAM_BYTES = 4096

/**
 * The records of a text that comes in chunks:
 *
 *     for await (const _ of reader.arrivals(chunks)) {
 *       while (reader.next()) use(reader.record)
 *     }
 *
 * Chunks are read where they lie; only a record that runs over their border is copied.
 */
export class CsvReader {
  readonly record: CsvRecord
  /**
   * The bytes being read: a chunk, or the seam between the rest of one chunk and the start of the
   * next.
   */
  #bytes: Buffer = Buffer.alloc(0)
  #view = new DataView(this.#bytes.buffer, 0, 0)
  #at = 0
  #chunk: Buffer = this.#bytes
  /** Bytes of the seam that precede the chunk; 0 while the chunk itself is read. */
  #before = 0
  #isLast = false

  constructor(form: ConstructorParameters<typeof CsvRecord>[0]) {
    this.record = new CsvRecord(form)
  }

  /**
   * Takes the chunks and yields after each one, and once more at the end, so that the caller can
   * call `next`.
   */
  async *arrivals(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<void> {
    for await (const chunk of chunks) {
      this.#add(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
      yield
      // Copied, because a source may reuse this chunk's memory for the next one, and to let it be
      // freed.
      this.#use(Buffer.from(this.#bytes.subarray(this.#at)), 0)
      this.#chunk = this.#bytes
      this.#before = 0
    }
    this.#isLast = true
    yield
  }

  /** The bytes being read. */
  get view(): DataView {
    return this.#view
  }

  /** Where in `view` the next record begins. */
  get at(): number {
    return this.#at
  }

  /** Whether `record` is unfinished: its end has not arrived. */
  get isPending(): boolean {
    return this.#at < this.#bytes.length
  }

  /** Skips whole records. */
  skipTo(at: number): void {
    this.#at = at
    if (this.#before === 0 || at < this.#before) return
    this.#use(this.#chunk, at - this.#before)
    this.#before = 0
  }

  /** Reads the next record. False if its end has not arrived, or if there is none. */
  next(): boolean {
    while (this.#at < this.#bytes.length) {
      const end = this.record.read(this.#bytes, this.#at, this.#isLast)
      if (end >= 0) {
        this.skipTo(end)
        return true
      }
      if (!this.#widen()) return false
    }
    return false
  }

  #add(chunk: Buffer): void {
    const rest = this.#bytes
    this.#chunk = chunk
    this.#before = rest.length
    const isSeam = rest.length > 0
    this.#use(isSeam ? Buffer.concat([rest, chunk.subarray(0, SEAM_BYTES)]) : chunk, 0)
  }

  /** Joins more of the chunk to the seam. False if all of it is there. */
  #widen(): boolean {
    if (this.#before === 0 || this.#bytes.length >= this.#before + this.#chunk.length) return false
    const taken = this.#bytes.length - this.#before
    const rest = this.#bytes.subarray(this.#at, this.#before)
    this.#before = rest.length
    this.#use(Buffer.concat([rest, this.#chunk.subarray(0, taken * 16)]), 0)
    return true
  }

  #use(bytes: Buffer, at: number): void {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = at
  }
}
