import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import type { CsvRecord } from '../../shared/csv/record.ts'
import { caseBits, copyId, hasSuffix, suffixOfBits } from '../ids/id-bytes.ts'

/** Bytes of an id with its suffix. */
export const FULL_LENGTH = ID_LENGTH + 3

/** The id of one row, in 18 characters. One for all rows: a buffer for each would be garbage. */
export class RowId {
  readonly bytes = Buffer.alloc(FULL_LENGTH)
  readonly #canonical = this.bytes.subarray(0, ID_LENGTH)
  readonly #view = viewOf(this.bytes)
  readonly #field = Buffer.alloc(FULL_LENGTH)
  readonly #fieldView = viewOf(this.#field)

  /**
   * Takes the 18 characters at `at`. False, and the id is as before, if they are no id or end in
   * another id's suffix.
   */
  take(rows: DataView, at: number): boolean {
    const bits = caseBits(rows, at)
    if (bits < 0 || !hasSuffix(rows, at, bits)) return false
    this.#put(rows, at, bits)
    return true
  }

  /** Takes a field of 15 or 18 characters, of which the first 15 count. False if it is no id. */
  takeField(record: CsvRecord, index: number): boolean {
    const size = record.size(index)
    if (size !== ID_LENGTH && size !== FULL_LENGTH) return false
    record.copyField(index, this.#field)
    const bits = caseBits(this.#fieldView, 0)
    if (bits < 0) return false
    this.#put(this.#fieldView, 0, bits)
    return true
  }

  /** Whether a field names the same record, in 15 or 18 characters. */
  isIn(record: CsvRecord, index: number): boolean {
    return record.fieldStartsWith(index, this.#canonical)
  }

  /** Whether a field is exactly these 18 characters. */
  isField(record: CsvRecord, index: number): boolean {
    return record.size(index) === FULL_LENGTH && record.fieldStartsWith(index, this.bytes)
  }

  #put(bytes: DataView, at: number, bits: number): void {
    copyId(bytes, at, this.#view, 0)
    const suffix = suffixOfBits(bits)
    this.#view.setUint16(ID_LENGTH, suffix & 0xffff, true)
    this.#view.setUint8(ID_LENGTH + 2, suffix >>> 16)
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}
