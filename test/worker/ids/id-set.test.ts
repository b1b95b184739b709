import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { highOf, lowOf, spellId } from '../../../src/worker/ids/id-set/digits.ts'
import { IdSet } from '../../../src/worker/ids/id-set.ts'
import { fc } from '../../helpers/fast-check.ts'
import { id15 } from '../../helpers/ids.ts'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const digit = fc.constantFrom(...DIGITS)

/** Dense, sparse and scattered: few heads and many, near and far apart. */
const id = fc.oneof(
  { weight: 4, arbitrary: fc.nat(300).map((n) => id15(n)) },
  { weight: 2, arbitrary: fc.nat(62 ** 5 - 1).map((n) => id15(n)) },
  { weight: 2, arbitrary: fc.nat(2 ** 31 - 1).map((n) => id15(n * 1021)) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: digit, minLength: 12, maxLength: 12 }).map((s) => `003${s}`),
  },
)
const blocks = fc.array(fc.array(id, { maxLength: 400 }), { maxLength: 6 })

const bytesOf = (ids: readonly string[]) => Buffer.from(ids.join(''), 'latin1')

function* spelled(set: IdSet): Generator<string> {
  const out = Buffer.alloc(15)
  const view = new DataView(out.buffer, out.byteOffset, 15)
  for (const { head, lows } of set.runs()) {
    for (const low of lows) {
      spellId(head, low, view, 0)
      yield out.toString('latin1')
    }
  }
}

/** What a Set says of each id: whether it was there already. */
function flags(seen: Set<string>, ids: readonly string[]): number[] {
  return ids.map((id) => {
    const known = seen.has(id)
    seen.add(id)
    return known ? 1 : 0
  })
}

describe('a set of ids', () => {
  test('tells known ids from new ones like a Set does, in bulk and one by one', () => {
    fc.assert(
      fc.property(blocks, fc.boolean(), (all, inBulk) => {
        using set = new IdSet()
        const seen = new Set<string>()
        for (const ids of all) {
          const duplicates = new Uint8Array(ids.length)
          const bytes = bytesOf(ids)
          const before = set.size
          if (inBulk) assert.equal(set.addAll(bytes, duplicates), set.size - before)
          else for (const i of ids.keys()) duplicates[i] = set.add(bytes, i * 15) ? 0 : 1
          assert.deepEqual([...duplicates], flags(seen, ids))
          assert.equal(set.size, seen.size)
        }
        const probe = bytesOf([...seen])
        for (let at = 0; at < probe.length; at += 15) assert.ok(set.has(probe, at))
        assert.deepEqual([...spelled(set)], [...seen].sort())
      }),
    )
  })

  test('and its clone hold the same ids, and go their own ways from then on', () => {
    fc.assert(
      fc.property(blocks, fc.array(id, { maxLength: 100 }), (all, later) => {
        using set = new IdSet()
        for (const ids of all) set.addAll(bytesOf(ids), new Uint8Array(ids.length))
        const before = [...spelled(set)]
        using copy = set.clone()
        set.addAll(bytesOf(later), new Uint8Array(later.length))
        assert.deepEqual([...spelled(copy)], before)
        assert.equal(copy.size, before.length)
        const bytes = bytesOf(before)
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
        for (let at = 0; at < bytes.length; at += 15) {
          assert.ok(copy.hasHigh(highOf(view, at)))
          assert.ok(copy.hasDigits(highOf(view, at), lowOf(view, at)))
        }
        for (const other of later.filter((one) => !before.includes(one))) {
          const its = new DataView(Uint8Array.from(bytesOf([other])).buffer)
          assert.equal(copy.hasDigits(highOf(its, 0), lowOf(its, 0)), false)
        }
      }),
    )
  })

  test('finds no id that was not added', () => {
    fc.assert(
      fc.property(
        fc.array(id, { maxLength: 200 }),
        fc.array(id, { maxLength: 50 }),
        (ids, others) => {
          using set = new IdSet()
          set.addAll(bytesOf(ids), new Uint8Array(ids.length))
          for (const other of others)
            assert.equal(set.has(bytesOf([other]), 0), ids.includes(other))
        },
      ),
    )
  })

  test('reads ids out of the middle of a larger buffer', () => {
    using set = new IdSet()
    const bytes = Buffer.from(`xxx${id15(1)}yy${id15(2)}`, 'latin1').subarray(1)
    assert.equal(set.add(bytes, 2), true)
    assert.equal(set.has(bytes, 2), true)
    assert.equal(set.has(bytes, 19), false)
  })

  test('holds the ids of one object', () => {
    using set = new IdSet()
    assert.equal(set.has(bytesOf([id15(1)]), 0), false)
    set.add(bytesOf([id15(1)]), 0)
    const lead = bytesOf([id15(1, '00Q')])
    assert.equal(set.has(lead, 0), false)
    assert.throws(() => set.add(lead, 0), RangeError)
    assert.throws(() => set.addAll(lead, new Uint8Array(1)), RangeError)
  })

  test('yields large runs in order and in pieces', () => {
    using set = new IdSet()
    const count = 600_000
    const ids = Array.from({ length: count }, (_, n) => id15((n * 7919) % count))
    for (let at = 0; at < count; at += 50_000) {
      set.addAll(bytesOf(ids.slice(at, at + 50_000)), new Uint8Array(50_000))
    }
    assert.equal(set.size, count)
    let n = 0
    for (const id of spelled(set)) if (id !== id15(n++)) assert.fail(`${id} is number ${n}`)
    assert.equal(n, count)
  })

  test('is empty after it was disposed of, and may be filled again', () => {
    const set = new IdSet()
    set.add(bytesOf([id15(1)]), 0)
    set.dispose()
    assert.equal(set.size, 0)
    assert.equal(set.has(bytesOf([id15(1)]), 0), false)
    assert.equal(set.add(bytesOf([id15(1)]), 0), true)
    set.dispose()
  })

  test('reckons that scattered ids take more memory than ids that count up', () => {
    using dense = new IdSet()
    using scattered = new IdSet()
    const count = 10_000
    const spread = Array.from({ length: count }, (_, n) => id15(n * 62 ** 5))
    dense.addAll(bytesOf(Array.from({ length: count }, (_, n) => id15(n))), new Uint8Array(count))
    scattered.addAll(bytesOf(spread), new Uint8Array(count))
    assert.ok(dense.bytes < 4 * count, `${dense.bytes} bytes`)
    assert.ok(scattered.bytes > 100 * count, `${scattered.bytes} bytes`)
  })
})
