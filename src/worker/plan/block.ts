import { RefusedError } from '../../shared/errors.ts'
import { ID_LENGTH } from '../../shared/record-id.ts'
import { hasIdForm, hasUpperCase, isId18 } from './id-check.ts'
import {
  clip,
  emptyValue,
  notAnId,
  type ObjectWords,
  otherObject,
  type RefusedRow,
  wrongChecksum,
} from './refused-row.ts'

/** What a stretch of the source holds, in its order. */
export interface ScannedBlock {
  /** `count` canonical ids of 15 bytes. */
  readonly ids: Uint8Array
  readonly count: number
  /** 1 for each id that came with 15 characters: no checksum vouches for its case. */
  readonly short: Uint8Array
  /** How many those are. */
  readonly unchecked: number
  readonly refused: readonly RefusedRow[]
}

/** Ids of a full block: half a megabyte, large enough to sort and merge in bulk. */
export const BLOCK_IDS = 32_768
/** Refused rows of a full block: a source of nothing else must not pile up. */
const BLOCK_REFUSED = 1000
/** So many 15-character ids without one upper-case letter are no accident. */
const CASE_SAMPLE = 100

/** Gathers ids and refused rows, and checks each value on its way in. */
export class BlockBuilder {
  ids = new Uint8Array(BLOCK_IDS * ID_LENGTH)
  count = 0
  readonly prefix: Uint8Array
  readonly #words: ObjectWords
  #short = new Uint8Array(BLOCK_IDS)
  #unchecked = 0
  #refused: RefusedRow[] = []
  #shortSeen = 0
  #upperCaseSeen = false

  constructor(words: ObjectWords) {
    this.#words = words
    this.prefix = new TextEncoder().encode(words.object.prefix)
  }

  get isFull(): boolean {
    return this.count === BLOCK_IDS || this.#refused.length >= BLOCK_REFUSED
  }

  get isEmpty(): boolean {
    return this.count === 0 && this.#refused.length === 0
  }

  /** Checks the bytes of one value, without spaces and quotes around it, and takes or refuses it. */
  check(bytes: Uint8Array, from: number, to: number, line: number): void {
    const length = to - from
    if (length === 0) this.refuse(emptyValue(line))
    else if (!hasIdForm(bytes, from, to)) {
      this.refuse(notAnId(line, clip(decode(bytes, from, to))))
    } else if (length === 18 && !isId18(bytes, from)) {
      this.refuse(wrongChecksum(line, decode(bytes, from, to)))
    } else if (!this.#hasPrefix(bytes, from)) {
      this.refuse(otherObject(line, decode(bytes, from, to), this.#words))
    } else this.#take(bytes, from, length)
  }

  refuse(row: RefusedRow): void {
    this.#refused.push(row)
  }

  /** The block so far; the next one begins empty. */
  take(): ScannedBlock {
    const block = {
      ids: this.ids.subarray(0, this.count * ID_LENGTH),
      count: this.count,
      short: this.#short.subarray(0, this.count),
      unchecked: this.#unchecked,
      refused: this.#refused,
    }
    this.ids = new Uint8Array(BLOCK_IDS * ID_LENGTH)
    this.count = 0
    this.#short = new Uint8Array(BLOCK_IDS)
    this.#unchecked = 0
    this.#refused = []
    return block
  }

  /**
   * Short ids carry no checksum: where something has lower-cased them all, each may now name
   * another record.
   *
   * @throws RefusedError CASE_DAMAGED
   */
  assertCaseIntact(): void {
    if (this.#shortSeen < CASE_SAMPLE || this.#upperCaseSeen) return
    throw new RefusedError(
      'CASE_DAMAGED',
      `None of the ${this.#shortSeen} 15-character ids has an upper-case letter, so something has ` +
        'probably changed their case, and they may name other records. Nothing was deleted. ' +
        'Export the ids again with 18 characters.',
    )
  }

  #take(bytes: Uint8Array, from: number, length: number): void {
    const to = this.count * ID_LENGTH
    for (let k = 0; k < ID_LENGTH; k++) this.ids[to + k] = bytes[from + k] ?? 0
    if (length === ID_LENGTH) {
      this.#short[this.count] = 1
      this.#unchecked++
      this.#shortSeen++
      this.#upperCaseSeen ||= hasUpperCase(bytes, from)
    }
    this.count++
  }

  #hasPrefix(bytes: Uint8Array, at: number): boolean {
    const { prefix } = this
    return bytes[at] === prefix[0] && bytes[at + 1] === prefix[1] && bytes[at + 2] === prefix[2]
  }
}

export function decode(bytes: Uint8Array, from: number, to: number): string {
  return decoder.decode(bytes.subarray(from, to))
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
