import { IdSet } from '../../src/worker/ids/id-set.ts'

/** Lists of 15-character Contact ids as real orgs give them, and what spreadsheets and SQL make of them. */

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Numbers from 0 to below 1, the same for the same seed. */
export type Random = () => number

/** Mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** An org of so many contacts, in a pod. */
interface Org {
  readonly pod: string
  readonly size: number
  readonly start: number
}

const PODS = ['5f', '5G', '1N', '8c', '3t', 'd0', 'Do', 'aB', '41']
const SIZES = [10_000, 100_000, 1_000_000, 20_000_000, 500_000_000]

function orgOf(random: Random, count: number): Org {
  const size = Math.max(pick(SIZES, random), 20 * count)
  return { pod: pick(PODS, random), size, start: below(62 ** 4, random) }
}

/** Lists of `count` ids, or a few less: some kinds draw an id twice. */
export const LISTS: Readonly<Record<string, (count: number, random: Random) => string[]>> = {
  'any records of an org': (count, random) => {
    const org = orgOf(random, count)
    return times(count, () => anyOf(org, random))
  },
  'any records of three pods': (count, random) => {
    const orgs = times(3, () => orgOf(random, count))
    return times(count, () => anyOf(pick(orgs, random), random))
  },
  'families of three': (count, random) => runs(count, 3, random),
  'imports of 200': (count, random) => runs(count, 200, random),
  'one run of neighbours': (count, random) => runs(count, count, random),
  'one run with holes': (count, random) => {
    const org = orgOf(random, count)
    const kept = pick([0.3, 0.6, 0.9], random)
    let n = org.start + below(org.size, random)
    return times(count, () => {
      do n++
      while (random() > kept)
      return idOf(org, n)
    })
  },
  'every k-th record': (count, random) => {
    const org = orgOf(random, count)
    const from = org.start + below(org.size, random)
    const step = 2 + below(300, random)
    return times(count, (k) => idOf(org, from + k * step))
  },
}

/** What may become of a list. */
export const CHANGES: Readonly<Record<string, (ids: string[], random: Random) => string[]>> = {
  intact: (ids) => ids,
  'upper case': (ids) => ids.map(upper),
  'lower case': (ids) => ids.map(lower),
  'all but one': (ids) => ids.map((id, k) => (k === 0 ? id : upper(id))),
  'a third, strewn': (ids, random) => ids.map((id) => (random() < 1 / 3 ? upper(id) : id)),
  'the last third': (ids) => ids.map((id, k) => (3 * k > 2 * ids.length ? upper(id) : id)),
  'five copies added': (ids) => [...ids, ...ids.slice(0, 5).map(upper)],
}

/** Contact ids, whose key prefix has no letters. */
export const upper = (id: string) => id.toUpperCase()
export const lower = (id: string) => id.toLowerCase()

export function setOf(ids: readonly string[]): IdSet {
  const set = new IdSet()
  set.addAll(new TextEncoder().encode(ids.join('')), new Uint8Array(ids.length))
  return set
}

function runs(count: number, length: number, random: Random): string[] {
  const org = orgOf(random, count)
  let n = 0
  return times(count, (k) => {
    n = k % length === 0 ? org.start + below(org.size, random) : n + 1
    return idOf(org, n)
  })
}

const anyOf = (org: Org, random: Random) => idOf(org, org.start + below(org.size, random))

function idOf({ pod }: Org, n: number): string {
  let counter = ''
  for (let rest = n; counter.length < 9; rest = Math.floor(rest / 62)) {
    counter = DIGITS.charAt(rest % 62) + counter
  }
  return `003${pod}0${counter}`
}

function times<T>(count: number, make: (k: number) => T): T[] {
  return Array.from({ length: count }, (_, k) => make(k))
}

const below = (limit: number, random: Random) => Math.floor(random() * limit)

function pick<T>(of: readonly T[], random: Random): T {
  const one = of[below(of.length, random)]
  if (one === undefined) throw new RangeError('Nothing to pick from.')
  return one
}
