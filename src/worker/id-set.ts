import { RoaringBitmap32 } from 'roaring-wasm'
import { ID_LENGTH } from '../shared/record-id.ts'
import {
  addToList,
  type Bucket,
  bucketHas,
  bytesHeld,
  disposeBucket,
  isList,
  LIST_LIMIT,
  piecesOf,
  toBitmap,
} from './id-set/bucket.ts'
import { hasPrefix, highOf, lowOf, PREFIX_LENGTH, spellHead } from './id-set/digits.ts'
import { type Group, groupByHead } from './id-set/grouping.ts'
import { ascends, sortTogether } from './id-set/order.ts'

/** Ids of a set that share their first ten characters, ascending. Valid until the next run. */
export interface IdRun {
  /** The ten characters they share. */
  readonly head: Uint8Array
  /** The other five, as numbers in base 62. */
  readonly lows: Uint32Array
}

/**
 * An exact set of canonical record ids of one object, held as compressed bitmaps: a fraction of a
 * byte an id where ids count up, 2 bytes where they are scattered in one server block. Ids are read
 * from a buffer at an offset and must be canonical; no string is made of them.
 */
export class IdSet implements Disposable {
  readonly #buckets = new Map<number, Bucket>()
  #prefix: Uint8Array | null = null
  #size = 0
  // Ids come in runs of one head, and a look-up by a double costs more than comparing it.
  #lastHigh = -1
  #last: Bucket | undefined

  get size(): number {
    return this.#size
  }

  /** Bytes that the set holds, reckoned bucket by bucket: 0.1 µs for a list, 0.3 for a bitmap. */
  get bytes(): number {
    let bytes = 0
    for (const bucket of this.#buckets.values()) bytes += bytesHeld(bucket)
    return bytes
  }

  has(ids: Uint8Array, at: number): boolean {
    if (this.#prefix === null || !hasPrefix(ids, at, this.#prefix)) return false
    const bucket = this.#find(highOf(ids, at))
    return bucket !== undefined && bucketHas(bucket, lowOf(ids, at))
  }

  /**
   * True where the id was not in the set before.
   *
   * @throws RangeError where the id belongs to another object than those before it.
   */
  add(ids: Uint8Array, at: number): boolean {
    this.#expectPrefix(ids, at)
    return this.#addOne(highOf(ids, at), lowOf(ids, at))
  }

  /**
   * Adds `duplicates.length` ids and sets the flag of each that was there already, in the set or
   * earlier among these. Returns how many are new. One by one, 5.2 million ids in random order took
   * 425 ms in calls into wasm; sorted and merged block by block, as here, 140 (measured).
   *
   * @throws RangeError where the ids belong to another object than those before them.
   */
  addAll(ids: Uint8Array, duplicates: Uint8Array): number {
    const before = this.#size
    const count = duplicates.length
    for (let i = 0; i < count; i++) this.#expectPrefix(ids, i * ID_LENGTH)
    for (const group of groupByHead(ids, count)) {
      if (group.lows.length <= LIST_LIMIT) this.#addFew(group, duplicates)
      else this.#addMany(group, duplicates)
    }
    return this.#size - before
  }

  /** The ids, ascending. */
  *runs(): Generator<IdRun> {
    if (this.#prefix === null) return
    for (const high of Float64Array.from(this.#buckets.keys()).sort()) {
      const head = spellHead(this.#prefix, high)
      const bucket = this.#buckets.get(high)
      if (bucket === undefined) continue
      for (const lows of piecesOf(bucket)) yield { head, lows }
    }
  }

  /** Gives the memory back: bitmaps live where no garbage collector looks in time. */
  dispose(): void {
    for (const bucket of this.#buckets.values()) disposeBucket(bucket)
    this.#buckets.clear()
    this.#size = 0
    this.#lastHigh = -1
    this.#last = undefined
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #expectPrefix(ids: Uint8Array, at: number): void {
    this.#prefix ??= ids.slice(at, at + PREFIX_LENGTH)
    if (hasPrefix(ids, at, this.#prefix)) return
    throw new RangeError('A set holds the ids of one object; this id has another key prefix.')
  }

  #find(high: number): Bucket | undefined {
    if (high !== this.#lastHigh) {
      this.#last = this.#buckets.get(high)
      this.#lastHigh = high
    }
    return this.#last
  }

  #put(high: number, bucket: Bucket): void {
    this.#buckets.set(high, bucket)
    this.#lastHigh = high
    this.#last = bucket
  }

  #addOne(high: number, low: number): boolean {
    const bucket = this.#find(high)
    if (bucket === undefined) this.#put(high, [low])
    else if (!isList(bucket)) {
      if (!bucket.tryAdd(low)) return false
    } else if (!addToList(bucket, low)) return false
    else if (bucket.length > LIST_LIMIT) this.#put(high, toBitmap(bucket))
    this.#size++
    return true
  }

  #addFew({ high, lows, positions }: Group, duplicates: Uint8Array): void {
    for (let i = 0; i < lows.length; i++) {
      if (!this.#addOne(high, lows[i] ?? 0)) duplicates[positions[i] ?? 0] = 1
    }
  }

  #addMany({ high, lows, positions }: Group, duplicates: Uint8Array): void {
    if (!ascends(lows)) sortTogether(lows, positions)
    const count = dropRepeats(lows, positions, duplicates)
    const values = lows.subarray(0, count)
    const added = new RoaringBitmap32(values)
    const bucket = this.#find(high)
    if (bucket === undefined) {
      this.#put(high, added)
      this.#size += count
      return
    }
    const seen = isList(bucket) ? toBitmap(bucket) : bucket
    if (seen !== bucket) this.#put(high, seen)
    if (seen.intersects(added)) flagShared(seen, added, values, positions, duplicates)
    this.#size -= seen.size
    this.#size += seen.orInPlace(added).size
    added.dispose()
  }
}

/** Keeps the first of equal neighbours and flags the others. Returns how many are left. */
function dropRepeats(lows: Uint32Array, positions: Uint32Array, duplicates: Uint8Array): number {
  let kept = 0
  for (let i = 0; i < lows.length; i++) {
    const low = lows[i] ?? 0
    const position = positions[i] ?? 0
    if (kept > 0 && low === lows[kept - 1]) {
      duplicates[position] = 1
      continue
    }
    lows[kept] = low
    positions[kept] = position
    kept++
  }
  return kept
}

/** Flags those of the ascending `values` that are in the set already. */
function flagShared(
  seen: RoaringBitmap32,
  added: RoaringBitmap32,
  values: Uint32Array,
  positions: Uint32Array,
  duplicates: Uint8Array,
): void {
  const shared = RoaringBitmap32.and(seen, added)
  let i = 0
  for (const low of shared.toUint32Array()) {
    while (values[i] !== low) i++
    duplicates[positions[i] ?? 0] = 1
  }
  shared.dispose()
}
