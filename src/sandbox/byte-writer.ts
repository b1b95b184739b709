const QUOTE = 34

/** Bytes appended one after another; grows as it must. */
export class ByteWriter {
  #bytes: Uint8Array
  #length = 0

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
  }

  append(bytes: Uint8Array): void {
    this.appendRange(bytes, 0, bytes.length)
  }

  // A loop over locals, not `set`: for 20 bytes the call would cost more than the copy.
  appendRange(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start)
    const out = this.#bytes
    let length = this.#length
    for (let at = start; at < end; at++) out[length++] = bytes[at] ?? 0
    this.#length = length
  }

  /** As a value between quotes: each quote doubled, unless the source has it `doubled` already. */
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

  /** What was appended, by reference: the writer is not to be used again. */
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
