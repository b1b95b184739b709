import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { RefusedError } from '../../shared/base/errors.ts'
import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import { spellId } from '../ids/id-set/digits.ts'
import { IdSet } from '../ids/id-set.ts'
import type { ScannedBlock } from './block.ts'
import { caseDamageIn } from './case/case-damage.ts'

/** The ids of a block that did not occur before. */
interface KeptIds {
  /** Canonical ids of 15 bytes in source order, in the memory of the block they came from. */
  readonly ids: Uint8Array
  readonly count: number
  /** How many of them had 15 characters. */
  readonly unchecked: number
}

/**
 * Upper bound for an id's memory, whatever it shares with others (measured: 150 for scattered ids).
 */
const MOST_BYTES_PER_ID = 512

/** Deduplicates exactly: keeps the first occurrence of each id, in source order. */
export class Distinct implements Disposable {
  readonly #seen = new IdSet()
  /** Number of unchecked ids, and their set: null while none or all of the ids are unchecked. */
  #uncheckedSize = 0
  #unchecked: IdSet | null = null
  /** Ids of 18 characters that were refused because they were changed to one case as a whole. */
  #recased = 0
  #maxBytes: number
  /** Number of ids at which memory is measured again. It cannot reach the limit before that. */
  #checkAt: number

  /** @param options `maxPlanMemory`: bytes that the ids seen so far may take */
  constructor({ maxPlanMemory }: { readonly maxPlanMemory: number }) {
    this.#maxBytes = maxPlanMemory
    this.#checkAt = Math.floor(maxPlanMemory / MOST_BYTES_PER_ID)
  }

  get size(): number {
    return this.#seen.size
  }

  /** Bytes that it takes. */
  get bytes(): number {
    return this.#seen.bytes + (this.#unchecked?.bytes ?? 0)
  }

  /** Sets the flag of each of these ids that it holds. */
  flagHeld(ids: Uint8Array, flags: Uint8Array): void {
    this.#seen.flagHeld(ids, flags)
  }

  /** Changes its limit: sets of the same plan share the memory. */
  limitTo(bytes: number): void {
    this.#maxBytes = bytes
    this.#checkAt = 0
  }

  /**
   * Removes ids that occurred before from the block, in place.
   *
   * @throws RefusedError PLAN_TOO_SCATTERED
   */
  add(block: Omit<ScannedBlock, 'refused'>): KeptIds {
    this.#setUncheckedApart(block)
    this.#recased += block.recased
    const { ids, short } = block
    const duplicates = new Uint8Array(block.count)
    const count = this.#seen.addAll(ids, duplicates)
    if (count < block.count) compact(ids, duplicates)
    const kept = ids.subarray(0, count * ID_LENGTH)
    const isWhole = count === block.count || block.unchecked === 0
    const unchecked = isWhole ? block.unchecked : countKept(short, duplicates)
    this.#uncheckedSize += unchecked
    if (unchecked > 0 && this.#unchecked !== null) {
      const alone = uncheckedAmong(kept, unchecked, short, duplicates)
      this.#unchecked.addAll(alone, new Uint8Array(unchecked))
    }
    if (this.#seen.size > this.#checkAt) this.#checkMemory()
    return { ids: kept, count, unchecked }
  }

  /**
   * Why the case of the unchecked ids cannot be trusted; null if nothing is found.
   *
   * @param orgId id of the Salesforce org; null while it is unknown
   */
  async caseDamage(orgId: string | null): Promise<RefusedError | null> {
    if (this.#uncheckedSize === 0) return null
    const unchecked = this.#unchecked ?? this.#seen
    return caseDamageIn(unchecked, this.#seen, { orgId, recased: this.#recased })
  }

  /** Equal sets have equal digests. */
  digest(): Promise<string> {
    return digestOf(this.#seen)
  }

  /** Frees memory that the garbage collector does not manage. */
  [Symbol.dispose](): void {
    this.#seen.dispose()
    this.#unchecked?.dispose()
  }

  /** Most lists are of one kind. In a mixed list, the unchecked ids get their own set. */
  #setUncheckedApart({ count, unchecked }: Pick<ScannedBlock, 'count' | 'unchecked'>): void {
    if (this.#unchecked !== null) return
    const isNone = this.#uncheckedSize === 0
    const isAll = this.#uncheckedSize === this.#seen.size
    if ((isNone && unchecked === 0) || (isAll && unchecked === count)) return
    this.#unchecked = isNone ? new IdSet() : this.#seen.clone()
  }

  #checkMemory(): void {
    const { bytes } = this
    if (bytes > this.#maxBytes) throw tooScattered(this.#seen.size, bytes, this.#maxBytes)
    this.#checkAt = this.#seen.size + Math.floor((this.#maxBytes - bytes) / MOST_BYTES_PER_ID)
  }
}

/** Moves the ids without a flag to the front, one run at a time. */
export function compact(ids: Uint8Array, duplicates: Uint8Array): void {
  let to = 0
  let from = 0
  while (from < duplicates.length) {
    while (duplicates[from] === 1) from++
    let end = from
    while (end < duplicates.length && duplicates[end] === 0) end++
    ids.copyWithin(to * ID_LENGTH, from * ID_LENGTH, end * ID_LENGTH)
    to += end - from
    from = end
  }
}

/** How many ids without a flag had 15 characters. */
export function countKept(short: Uint8Array, duplicates: Uint8Array): number {
  let count = 0
  for (const [i, duplicate] of duplicates.entries()) if (duplicate === 0) count += short[i] ?? 0
  return count
}

/** The kept ids that had 15 characters. */
function uncheckedAmong(
  kept: Uint8Array,
  count: number,
  short: Uint8Array,
  duplicates: Uint8Array,
): Uint8Array {
  const ids = new Uint8Array(count * ID_LENGTH)
  let from = 0
  let to = 0
  for (let i = 0; i < duplicates.length; i++) {
    if (duplicates[i] === 1) continue
    if (short[i] === 1) {
      ids.set(kept.subarray(from, from + ID_LENGTH), to)
      to += ID_LENGTH
    }
    from += ID_LENGTH
  }
  return ids
}

function tooScattered(size: number, bytes: number, limit: number): RefusedError {
  const mib = (value: number) => `${Math.ceil(value / 2 ** 20)} MiB`
  return new RefusedError(
    'PLAN_TOO_SCATTERED',
    `Finding duplicates among ${size} ids took ${mib(bytes)} of memory; the limit is ${mib(limit)}. The ids are ` +
      'scattered, although ids of one org usually share their first ten characters. ' +
      'Split the source, or raise maxPlanMemory.',
  )
}

const LF = 10
/** An id and its LF. */
const LINE_LENGTH = ID_LENGTH + 1
/**
 * Lines written and hashed in one turn: 1 MiB, about 5 ms, so that other work can run in between.
 */
const LINES = 65_536

/** Hex SHA-256 over the ids in ascending byte order, each followed by LF. */
async function digestOf(ids: IdSet): Promise<string> {
  const hash = createHash('sha256')
  const lines = new Uint8Array(LINES * LINE_LENGTH).fill(LF)
  const view = new DataView(lines.buffer)
  let count = 0
  for (const { head, lows } of ids.runs()) {
    for (let from = 0; from < lows.length; ) {
      const part = lows.subarray(from, from + LINES - count)
      spellIds(head, part, view, count * LINE_LENGTH)
      from += part.length
      count += part.length
      if (count < LINES) continue
      hash.update(lines)
      count = 0
      await setImmediate()
    }
  }
  return hash.update(lines.subarray(0, count * LINE_LENGTH)).digest('hex')
}

function spellIds(head: DataView, lows: Uint32Array, lines: DataView, start: number): void {
  for (let i = 0; i < lows.length; i++) spellId(head, lows[i] ?? 0, lines, start + i * LINE_LENGTH)
}
