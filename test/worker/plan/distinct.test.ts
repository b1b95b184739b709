import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { to18 } from '../../../src/shared/contract/record-id.ts'
import { Distinct } from '../../../src/worker/plan/distinct.ts'
import { fc } from '../../helpers/fast-check.ts'
import { id15 } from '../../helpers/ids.ts'
import { blockOf, spell } from './texts.ts'

const ROOM = { maxPlanMemory: 2 ** 29 }

interface Row {
  id: string
  short: boolean
}

const textOf = ({ id, short }: Row) => (short ? id : to18(id))

const row = fc.record({
  id: fc.oneof(
    fc.nat(200).map((n) => id15(n)),
    fc.nat(62 ** 5).map((n) => id15(n * 31)),
  ),
  short: fc.boolean(),
})

test('the first of equal ids is kept, in order, with its own spelling', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(row, { maxLength: 300 }), { maxLength: 5 }),
      async (blocks) => {
        using distinct = new Distinct(ROOM)
        const first = new Map<string, Row>()
        for (const rows of blocks) {
          const expected = rows.filter((row) => !first.has(row.id) && first.set(row.id, row))
          const kept = distinct.add(blockOf(rows.map(textOf)))
          assert.deepEqual(
            spell(kept.ids),
            expected.map(({ id }) => id),
          )
          assert.equal(kept.count, expected.length)
          assert.equal(kept.unchecked, expected.filter(({ short }) => short).length)
        }
        assert.equal(distinct.size, first.size)
        assert.equal(await distinct.digest(), digestOf([...first.keys()]))
      },
    ),
  )
})

test('the digest does not depend on the order of the ids', async () => {
  const ids = Array.from({ length: 150_000 }, (_, n) => id15(n * 7))
  const digests = []
  for (const order of [ids, ids.toReversed()]) {
    using distinct = new Distinct(ROOM)
    for (let at = 0; at < order.length; at += 10_000) {
      distinct.add(blockOf(order.slice(at, at + 10_000).map(to18)))
    }
    digests.push(await distinct.digest())
  }
  assert.deepEqual(digests, [digestOf(ids), digestOf(ids)])
})

test('the digest of nothing is that of no bytes', async () => {
  using distinct = new Distinct(ROOM)
  assert.equal(distinct.add(blockOf([])).count, 0)
  assert.equal(await distinct.digest(), digestOf([]))
})

test('a plan whose ids take too much memory is refused, one that fits is not', () => {
  const fill = (distinct: Distinct, step: number) => {
    for (let from = 0; from < 100_000; from += 10_000) {
      const rows = Array.from({ length: 10_000 }, (_, n) => ({
        id: id15((from + n) * step),
        short: false,
      }))
      distinct.add(blockOf(rows.map(textOf)))
    }
    return distinct.size
  }
  using dense = new Distinct({ maxPlanMemory: 2 ** 20 })
  assert.equal(fill(dense, 1), 100_000)
  using scattered = new Distinct({ maxPlanMemory: 2 ** 20 })
  assert.throws(() => fill(scattered, 62 ** 5), {
    code: 'PLAN_TOO_SCATTERED',
    message: /^Finding duplicates among 10000 ids took 2 MiB of memory; the limit is 1 MiB/,
  })
})

function digestOf(ids: readonly string[]): string {
  const lines = [...ids].sort().map((id) => `${id}\n`)
  return createHash('sha256').update(lines.join('')).digest('hex')
}
