import { ID_LENGTH } from '../../../shared/contract/record-id.ts'
import { highOf, lowOf, prefixOf, sameHead } from './digits.ts'

/** Ids that share a head, in the order in which they stood. */
export interface HeadGroup {
  readonly high: number
  readonly lows: Uint32Array
  /** Where each stood among all. */
  readonly positions: Uint32Array
}

/**
 * Parts `count` ids by their heads.
 *
 * @throws RangeError where one has another key prefix
 */
export function groupByHead(ids: DataView, count: number, prefix: number): readonly HeadGroup[] {
  const lows = new Uint32Array(count)
  const groupOf = new Uint32Array(count)
  const groups = new Map<number, number>()
  let group = -1
  for (let i = 0; i < count; i++) {
    const at = i * ID_LENGTH
    // Neighbours mostly share their head, and comparing it is cheaper than looking it up.
    if (group < 0 || !sameHead(ids, at - ID_LENGTH, at)) {
      expectPrefix(prefixOf(ids, at), prefix)
      const high = highOf(ids, at)
      group = groups.get(high) ?? groups.size
      groups.set(high, group)
    }
    groupOf[i] = group
    lows[i] = lowOf(ids, at)
  }
  return part([...groups.keys()], lows, groupOf)
}

export function expectPrefix(prefix: number, expected: number): void {
  if (prefix === expected) return
  throw new RangeError('A set holds the ids of one object; this id has another key prefix.')
}

function part(
  highs: readonly number[],
  lows: Uint32Array,
  groupOf: Uint32Array,
): readonly HeadGroup[] {
  const positions = new Uint32Array(lows.length)
  const [only] = highs
  if (highs.length === 1 && only !== undefined) {
    for (let i = 0; i < positions.length; i++) positions[i] = i
    return [{ high: only, lows, positions }]
  }
  const starts = startsOf(highs.length, groupOf)
  const ends = starts.slice()
  const parted = new Uint32Array(lows.length)
  for (let i = 0; i < lows.length; i++) {
    const group = groupOf[i] ?? 0
    const to = ends[group] ?? 0
    ends[group] = to + 1
    parted[to] = lows[i] ?? 0
    positions[to] = i
  }
  return highs.map((high, group) => ({
    high,
    lows: parted.subarray(starts[group], ends[group]),
    positions: positions.subarray(starts[group], ends[group]),
  }))
}

/** Where each group begins once its ids lie together. */
function startsOf(groups: number, groupOf: Uint32Array): Uint32Array {
  const starts = new Uint32Array(groups)
  for (let i = 0; i < groupOf.length; i++) {
    const group = groupOf[i] ?? 0
    starts[group] = (starts[group] ?? 0) + 1
  }
  let start = 0
  for (let group = 0; group < groups; group++) {
    const count = starts[group] ?? 0
    starts[group] = start
    start += count
  }
  return starts
}
