import { ID_LENGTH } from '../../shared/record-id.ts'
import { highOf, lowOf, sameHead } from './digits.ts'

/** Ids that share a head: their low numbers, and where each stood among all. In order of standing. */
export interface Group {
  readonly high: number
  readonly lows: Uint32Array
  readonly positions: Uint32Array
}

/** Parts ids by their heads, stably. */
export function groupByHead(ids: Uint8Array, count: number): readonly Group[] {
  const lows = new Uint32Array(count)
  const groupOf = new Uint32Array(count)
  const groups = new HeadIndex()
  let group = -1
  for (let i = 0; i < count; i++) {
    const at = i * ID_LENGTH
    // Neighbours mostly share their head, and comparing seven bytes is cheaper than looking it up.
    if (group < 0 || !sameHead(ids, at - ID_LENGTH, at)) group = groups.indexOf(highOf(ids, at))
    groups.count(group)
    groupOf[i] = group
    lows[i] = lowOf(ids, at)
  }
  return groups.part(lows, groupOf)
}

/** Numbers heads as they appear and counts the ids of each. */
class HeadIndex {
  readonly #indexes = new Map<number, number>()
  readonly #highs: number[] = []
  readonly #counts: number[] = []

  indexOf(high: number): number {
    const known = this.#indexes.get(high)
    if (known !== undefined) return known
    this.#indexes.set(high, this.#highs.length)
    this.#counts.push(0)
    return this.#highs.push(high) - 1
  }

  count(group: number): void {
    this.#counts[group] = (this.#counts[group] ?? 0) + 1
  }

  part(lows: Uint32Array, groupOf: Uint32Array): readonly Group[] {
    const positions = new Uint32Array(lows.length)
    const [only] = this.#highs
    if (this.#highs.length === 1 && only !== undefined) {
      for (let i = 0; i < positions.length; i++) positions[i] = i
      return [{ high: only, lows, positions }]
    }
    const parted = new Uint32Array(lows.length)
    const ends = this.#starts()
    for (let i = 0; i < lows.length; i++) {
      const group = groupOf[i] ?? 0
      const to = ends[group] ?? 0
      ends[group] = to + 1
      parted[to] = lows[i] ?? 0
      positions[to] = i
    }
    return this.#highs.map((high, group) => {
      const from = (ends[group] ?? 0) - (this.#counts[group] ?? 0)
      const part = (all: Uint32Array) => all.subarray(from, ends[group])
      return { high, lows: part(parted), positions: part(positions) }
    })
  }

  #starts(): Uint32Array {
    const starts = new Uint32Array(this.#counts.length)
    let start = 0
    for (const [group, count] of this.#counts.entries()) {
      starts[group] = start
      start += count
    }
    return starts
  }
}
