import { BUILT_IN_OBJECTS, type DeletableObject } from '../../shared/contract/objects.ts'
import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import { caseBits, copyId, hasIdForm, hasSuffix } from '../ids/id-bytes.ts'
import { isRecased } from './case/letters.ts'
import { clip, trimmed, unseenWithin } from './unseen.ts'

/** Why a row is not an id that may be deleted. */
type RefusedReason = 'NOT_AN_ID' | 'WRONG_CHECKSUM' | 'OTHER_OBJECT' | 'EMPTY_VALUE'

export interface RefusedRow {
  /** The part of the source that it is in, if there are several: the key of an object. */
  readonly part?: string
  /** Physical line on which the row begins, counted from 1. */
  readonly line: number
  /** The whole value if it has the form of an id, else its first 3 characters and its length. */
  readonly value: string
  readonly reason: RefusedReason
  /** The reason in words, without the value. */
  readonly detail: string
}

/** The object that the request names, and the objects it could have named. */
interface ObjectWords {
  readonly object: DeletableObject
  /** Objects whose names help to explain another key prefix. */
  readonly known?: readonly DeletableObject[]
}

/** One block of the source, in source order. Its arrays are valid until the next block is asked for. */
export interface ScannedBlock {
  /** `count` canonical ids of 15 bytes. */
  readonly ids: Uint8Array
  readonly count: number
  /** 1 for each id that had 15 characters: it has no checksum that protects its case. */
  readonly short: Uint8Array
  /** Number of ids with 15 characters. */
  readonly unchecked: number
  readonly refused: readonly RefusedRow[]
  /** Number of refused rows that are ids of 18 characters changed to one case. */
  readonly recased: number
}

/** Ids of a full block: half a megabyte, large enough to sort and merge in bulk. */
export const BLOCK_IDS = 32_768
/** Refused rows of a full block. The limit bounds memory when every row is refused. */
const BLOCK_REFUSED = 1000

/** Collects ids and refused rows, and checks each value as it arrives. */
export class BlockBuilder {
  readonly #ids = new DataView(new ArrayBuffer(BLOCK_IDS * ID_LENGTH))
  #count = 0
  /** Key prefix that every id must have: three bytes, the first in the lowest byte. */
  readonly prefix: number
  readonly #words: ObjectWords
  readonly #scratch = new Uint8Array(64)
  readonly #scratchView = viewOf(this.#scratch)
  readonly #short = new Uint8Array(BLOCK_IDS)
  #unchecked = 0
  #refused: RefusedRow[] = []
  #recased = 0

  constructor(words: ObjectWords) {
    const [a = 0, b = 0, c = 0] = encoder.encode(words.object.prefix)
    this.#words = words
    this.prefix = a | (b << 8) | (c << 16)
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === BLOCK_IDS || this.#refused.length >= BLOCK_REFUSED
  }

  get isEmpty(): boolean {
    return this.#count === 0 && this.#refused.length === 0
  }

  /**
   * Checks one value, without surrounding spaces and quotes, and takes or refuses it.
   *
   * @returns whether it was taken
   */
  check(bytes: DataView, from: number, to: number, line: number): boolean {
    if (from === to) return this.#refuse(emptyValue(line))
    if (!hasIdForm(bytes, from, to)) return this.#checkOther(decode(bytes, from, to), line)
    return this.#checkId(bytes, from, to, line)
  }

  /** Does the same for a string. */
  checkText(value: string, line: number): boolean {
    const text = trimmed(value)
    const { read, written } = encoder.encodeInto(text, this.#scratch)
    if (read < text.length) return this.#refuse(notAnId(line, text))
    return this.check(this.#scratchView, 0, written, line)
  }

  /** Takes an id that passed all checks. */
  put(bytes: DataView, at: number, isShort: boolean): void {
    copyId(bytes, at, this.#ids, this.#count * ID_LENGTH)
    this.#short[this.#count] = isShort ? 1 : 0
    if (isShort) this.#unchecked++
    this.#count++
  }

  /**
   * Returns the block so far, and starts an empty one in the same memory. With a copy of each block, a plan
   * of 5 million ids took a fifth more processor time: the collector marked the whole heap again and again.
   */
  take(): ScannedBlock {
    const block: ScannedBlock = {
      ids: new Uint8Array(this.#ids.buffer, 0, this.#count * ID_LENGTH),
      count: this.#count,
      short: this.#short.subarray(0, this.#count),
      unchecked: this.#unchecked,
      refused: this.#refused,
      recased: this.#recased,
    }
    this.#count = 0
    this.#unchecked = 0
    this.#refused = []
    this.#recased = 0
    return block
  }

  /** A value may have the form of an id once invisible characters around it are removed. */
  #checkOther(value: string, line: number): boolean {
    if (trimmed(value).length < value.length) return this.checkText(value, line)
    return this.#refuse(notAnId(line, value))
  }

  #checkId(bytes: DataView, from: number, to: number, line: number): boolean {
    const bits = caseBits(bytes, from)
    const isShort = to - from === ID_LENGTH
    if (!isShort && !hasSuffix(bytes, from, bits)) {
      const id = decode(bytes, from, to)
      if (isRecased(id)) this.#recased++
      return this.#refuse(wrongChecksum(line, id))
    }
    if ((bytes.getUint32(from, true) & 0xffffff) !== this.prefix) {
      return this.#refuse(otherObject(line, decode(bytes, from, to), this.#words))
    }
    this.put(bytes, from, isShort)
    return true
  }

  #refuse(row: RefusedRow): false {
    this.#refused.push(row)
    return false
  }
}

/** @param value the whole value, without invisible characters around it */
function notAnId(line: number, value: string): RefusedRow {
  const unseen = unseenWithin(value)
  const within = unseen.length === 0 ? '' : `: ${unseen.slice(0, MOST_TOLD).join(', ')} within`
  const detail = `not a 15- or 18-character record id${within}`
  return { line, value: clip(value), reason: 'NOT_AN_ID', detail }
}

const MOST_TOLD = 3

function wrongChecksum(line: number, id: string): RefusedRow {
  const detail = 'the last 3 characters do not fit the first 15: mistyped, or changed in case'
  return { line, value: id, reason: 'WRONG_CHECKSUM', detail }
}

function otherObject(line: number, id: string, words: ObjectWords): RefusedRow {
  const prefix = id.slice(0, 3)
  const other = (words.known ?? BUILT_IN_OBJECTS).find((object) => object.prefix === prefix)
  const found = other === undefined ? prefix : `${prefix} (${other.name})`
  const { object } = words
  const detail = `expected the key prefix ${object.prefix} (${object.name}), got ${found}`
  return { line, value: id, reason: 'OTHER_OBJECT', detail }
}

function emptyValue(line: number): RefusedRow {
  return { line, value: '', reason: 'EMPTY_VALUE', detail: 'no value in the Id column' }
}

const encoder = new TextEncoder()

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Decodes UTF-8; invalid bytes become replacement characters. */
export function decode(bytes: DataView, from: number, to: number): string {
  return decoder.decode(new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from))
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
