import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { PRIORITIES, type Priority } from '../../../src/shared/contract/request.ts'
import { bookingVerbs, countHeld, heldOrders } from '../../../src/shared/store/booking.ts'
import {
  costOfJob,
  freeFor,
  parseQuota,
  type QuotaReserve,
  saveQuota,
} from '../../../src/shared/store/quota.ts'
import { redisNow } from '../../../src/shared/store/redis/server-clock.ts'
import { fc, runs } from '../../helpers/fast-check.ts'
import { startRedis } from '../../helpers/redis.ts'
import { openLedger } from './ledger/setup.ts'

const server = await startRedis({ after })

const reserve: QuotaReserve = { DailyApiRequests: 20, DailyBulkApiBatches: 10 }
const RECORDS = 10_000

/** An org with a report of its batches, and the words to book them. */
function openOrg(max: number) {
  const { redis, keys, connection } = openLedger({ after }, server)
  const { book, settle } = bookingVerbs(connection, keys)
  let orders = 0
  return {
    redis,
    keys,
    settle,
    report: async (remaining: number, ageMs = 0) => {
      const limits = { DailyBulkApiBatches: { max, remaining } }
      await saveQuota(connection, keys, limits, (await redisNow(redis)) - ageMs)
    },
    book: (priority: Priority, batches: number, order = `order-${++orders}`) =>
      book({ order, priority, cost: costOfJob(batches * RECORDS), reserve }),
    batches: async () => {
      const quota = parseQuota(await redis.hgetall(keys.quota), await redisNow(redis))
      return quota.get('DailyBulkApiBatches') ?? assert.fail('expected a report')
    },
  }
}

test('low waits at twice the reserve, normal at the reserve, high when nothing is left', async () => {
  const { book, settle, report, redis, keys } = openOrg(100)
  for (const [left, expected] of [
    [21, ['go', 'go', 'go']],
    [20, ['go', 'go', 'held']],
    [10, ['go', 'held', 'held']],
    [0, ['held', 'held', 'held']],
  ] as const) {
    await report(left)
    const kinds: string[] = []
    for (const priority of PRIORITIES) {
      const order = `${priority}-${left}`
      const { kind } = await book(priority, 1, order)
      kinds.push(kind)
      if (kind === 'go') await settle(order, false)
    }
    assert.deepEqual(kinds, expected, `${left} left`)
  }
  assert.deepEqual(await countHeld(redis, keys), { high: 1, normal: 2, low: 3 })
  const inLine = await heldOrders(redis, keys, 100)
  assert.deepEqual(inLine, ['high-0', 'normal-10', 'normal-0', 'low-20', 'low-10', 'low-0'])
})

test('an order that waits with another priority than before takes its place there', async () => {
  const { book, report, redis, keys } = openOrg(100)
  await report(0)
  for (const priority of ['low', 'low', 'high', 'normal'] as const) await book(priority, 1, 'one')
  await book('normal', 1, 'two')
  await book('normal', 1, 'one')
  assert.deepEqual(await countHeld(redis, keys), { high: 0, normal: 2, low: 0 })
  assert.deepEqual(await heldOrders(redis, keys, 100), ['one', 'two'])
})

test('an order is booked once, until the report after its end', async () => {
  const { book, settle, report, batches } = openOrg(100)
  await report(100)
  for (let again = 0; again < 3; again++) await book('normal', 30, 'one')
  assert.equal((await batches()).booked, 30)
  await report(90)
  assert.equal((await batches()).booked, 30, 'it still runs')
  await settle('one', true)
  await settle('one', true)
  assert.equal((await batches()).booked, 30)
  await report(70)
  const { booked, used } = await batches()
  assert.equal(booked, 0)
  assert.deepEqual([...used.values()], [30])
})

test('what never reached Salesforce is booked back at once', async () => {
  const { book, settle, report, batches } = openOrg(100)
  await report(100)
  await book('normal', 30, 'one')
  await settle('one', false)
  const { booked, used } = await batches()
  assert.deepEqual([booked, used.size], [0, 0])
})

test('what is booked back is offered to the first in line', async () => {
  const { book, settle, report } = openOrg(100)
  await report(11)
  assert.equal((await book('normal', 1, 'one')).kind, 'go')
  for (const order of ['two', 'three']) assert.equal((await book('normal', 1, order)).kind, 'held')
  assert.equal(await settle('one', false), 'two')
  // It has ended meanwhile.
  assert.equal(await settle('two', false), 'three')
  assert.equal((await book('normal', 1, 'three')).kind, 'go')
  assert.equal(await settle('three', true), null)
  assert.equal(await settle('three', false), null)
})

test('the next in line is called when an order starts and there is room for it', async () => {
  const { book, report } = openOrg(100)
  await report(5)
  await book('low', 1, 'low')
  await book('normal', 1, 'normal')
  await report(12)
  assert.deepEqual(await book('normal', 1), { kind: 'go', next: 'normal', waiting: 2 })
  assert.deepEqual(await book('normal', 1, 'normal'), { kind: 'go', next: null, waiting: 1 })
})

test('an allowance that is unknown or an hour old holds nothing', async () => {
  const { book, report } = openOrg(100)
  assert.equal((await book('low', 5)).kind, 'go')
  await report(0, 3600_000)
  assert.equal((await book('low', 5)).kind, 'go')
  await report(0)
  assert.equal((await book('low', 5)).kind, 'held')
})

test('a report in a form of a newer version holds nothing', async () => {
  const { book, redis, keys } = openOrg(100)
  for (const json of ['', 'x', '[]', '7', 'null', '{"left":3}', '{"at":"soon"}', '{"at":9e15}']) {
    await redis.hset(keys.quota, 'DailyBulkApiBatches', json)
    assert.equal((await book('low', 5)).kind, 'go', json)
  }
})

test('an ingest job above the allowance starts once half of it is there', async () => {
  const { book, report } = openOrg(100)
  await report(54)
  assert.equal((await book('normal', 500)).kind, 'held')
  await report(55)
  assert.equal((await book('normal', 500)).kind, 'go')
})

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('book'),
        priority: fc.constantFrom(...PRIORITIES),
        amount: fc.integer({ min: 1, max: 9 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('end'), amount: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('report'), amount: fc.nat(20) }) },
  ),
  { maxLength: 40 },
)

test('no booking of normal or low takes from what it has to leave to others', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const { book, settle, report, batches } = openOrg(100)
      let left = 100
      const running: { readonly order: string; readonly amount: number }[] = []
      await report(left)
      for (const [at, step] of all.entries()) {
        const order = `order-${at}`
        switch (step.do) {
          case 'book': {
            const { priority, amount } = step
            const { kind } = await book(priority, amount, order)
            const free = freeFor(await batches(), priority, reserve.DailyBulkApiBatches)
            assert.ok(kind === 'held' ? free < amount : free >= 0, `${priority} ${kind}, ${free}`)
            if (kind === 'go') running.push({ order, amount })
            break
          }
          case 'end': {
            const [ended] = running.splice(step.amount % Math.max(1, running.length), 1)
            if (ended === undefined) break
            left -= ended.amount
            await settle(ended.order, true)
            break
          }
          case 'report':
            // The others have used something, too.
            left = Math.max(0, left - step.amount)
            await report(left)
            break
          default:
            throw new TypeError(`Unknown step ${JSON.stringify(step)}`)
        }
      }
      for (const { order } of running) await settle(order, false)
      await report(left)
      assert.equal((await batches()).booked, 0)
    }),
    { numRuns: runs(15) },
  )
})
