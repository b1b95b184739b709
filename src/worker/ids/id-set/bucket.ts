import { RoaringBitmap32 } from 'roaring-wasm'

/**
 * The low numbers of the ids that share one head: a sorted list if there are few, a compressed
 * bitmap if there are many. A bitmap has a fixed cost of 380 bytes of heap and 50 of wasm memory
 * (measured): a million ids scattered over a million heads would take 430 MB as bitmaps but take
 * 130 MB as lists.
 */
export type Bucket = number[] | RoaringBitmap32

/** Up to this length a list is smaller than a bitmap and is searched in a few steps. */
export const LIST_LIMIT = 32

export function bucketHas(bucket: Bucket, low: number): boolean {
  return Array.isArray(bucket) ? bucket[lowerBound(bucket, low)] === low : bucket.has(low)
}

/** Adds to a list. Returns true if the number is new. */
export function addToList(list: number[], low: number): boolean {
  const at = lowerBound(list, low)
  if (list[at] === low) return false
  list.splice(at, 0, low)
  return true
}

/**
 * Bytes that a bucket holds, including its map entry. The wasm heap cannot be measured, so a
 * bitmap's share is estimated: its serialized size, a quarter more for growth, and 48 bytes per
 * container, for which the serialized form has 8.
 */
export function bytesHeld(bucket: Bucket): number {
  if (Array.isArray(bucket)) return 110 + 8 * bucket.length
  const serialized = bucket.getSerializationSizeInBytes('portable')
  const containers = Math.max(1, (serialized - 2 * bucket.size) / 8)
  return 460 + Math.ceil(serialized * 1.25 + containers * 48)
}

/**
 * The numbers in ascending order, in pieces of at most `PIECE`. A piece is valid until the next
 * one.
 */
export function* piecesOf(bucket: Bucket): Generator<Uint32Array> {
  if (Array.isArray(bucket)) {
    yield Uint32Array.from(bucket)
    return
  }
  if (bucket.size <= PIECE) {
    yield bucket.toUint32Array()
    return
  }
  const out = new Uint32Array(PIECE)
  const last = bucket.maximum()
  for (let from = bucket.minimum(); from <= last; from += PIECE) {
    const piece = bucket.rangeUint32Array(from, from + PIECE, out)
    if (piece.length > 0) yield piece
  }
}

/** 1 MiB of numbers: formatting and hashing them takes about 10 ms of the event loop. */
const PIECE = 2 ** 18

/** Flags those of the ascending `values` that are already in the set. */
export function flagShared(
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

function lowerBound(list: readonly number[], low: number): number {
  let from = 0
  let to = list.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((list[middle] ?? 0) < low) from = middle + 1
    else to = middle
  }
  return from
}
