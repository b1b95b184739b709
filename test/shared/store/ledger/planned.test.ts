import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startRedis } from '../../../helpers/redis.ts'
import {
  chunkOutcome,
  chunkRef,
  ingestOrder,
  openLedger,
  orderLock,
  PLAN,
  planLock,
  receipt,
  settlement,
} from './setup.ts'

const server = await startRedis({ after })

const ORDERS = [
  ingestOrder('order-a', [chunkRef('R1', 0), chunkRef('R1', 1)]),
  ingestOrder('order-b', [chunkRef('R1', 2, 3)]),
]
const ENTRY = { id: 'R1', lot: 'lot-1', plan: PLAN, orders: ORDERS, next: 'deleting' } as const

test('plan, open chunks, orders and status appear together', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  const lock = await bundle.planning('R1')
  assert.equal(await ledger.planned({ ...ENTRY, lock }), 'ok')

  const record = await ledger.load('R1')
  assert.equal(record?.status, 'deleting')
  assert.deepEqual(record?.plan, PLAN)
  assert.deepEqual(
    new Map(await ledger.openChunks('R1')),
    new Map([
      ['0.1', 'order-a'],
      ['1.1', 'order-a'],
      ['2.3', 'order-b'],
    ]),
  )
  for (const order of ORDERS) {
    assert.deepEqual(await ledger.ingestOrder(order.order), {
      order,
      progress: { processed: 0, failed: 0 },
      taken: false,
    })
  }
})

test('once the plan stands, the list that it was made of is gone', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger, redis, keys } = bundle
  const lock = await bundle.planning('R1')
  await redis.hset(keys.request('R1'), 'frame', 'ids')
  assert.equal(await ledger.planned({ ...ENTRY, lot: 'another', lock }), 'stale')
  assert.notEqual(await ledger.frame('R1'), null)
  assert.equal(await ledger.planned({ ...ENTRY, lock }), 'ok')
  assert.equal(await ledger.frame('R1'), null)
})

test('nobody sees half of it', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger, redis, keys } = bundle
  const lock = await bundle.planning('R1')
  const look = () =>
    redis
      .multi()
      .hget(keys.request('R1'), 'status')
      .hlen(keys.open('R1'))
      .exists(keys.ingest('order-a'), keys.ingest('order-b'))
      .exec()
  const before = [look(), look()]
  const change = ledger.planned({ ...ENTRY, lock })
  const seen = await Promise.all([...before, look(), look(), change.then(look)])
  for (const answer of seen) {
    const facts = answer?.map(([, value]) => value)
    assert.deepEqual(facts, facts?.[0] === 'deleting' ? ['deleting', 3, 2] : ['planning', 0, 0])
  }
  assert.equal(seen.at(-1)?.[0]?.[1], 'deleting')
})

test('repeating it changes nothing, even once outcomes are in', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger, grab, redis, keys } = bundle
  const lock = await bundle.planning('R1')
  await ledger.planned({ ...ENTRY, lock })
  await ledger.recordOutcome({
    order: 'order-b',
    outcomes: [{ ref: chunkRef('R1', 2, 3), outcome: chunkOutcome(10) }],
    lock: await grab(orderLock('order-b')),
  })
  const snapshot = async () => [
    await redis.hgetall(keys.request('R1')),
    await redis.hgetall(keys.open('R1')),
    await redis.exists(keys.ingest('order-b')),
  ]
  const before = await snapshot()
  const other = { ...PLAN, read: 31 }
  assert.equal(await ledger.planned({ ...ENTRY, plan: other, lock }), 'ok')
  assert.deepEqual(await snapshot(), before)
})

test('a worker that lost the lock writes nothing', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger, grab } = bundle
  const lock = await bundle.planning('R1')
  await grab(planLock('R1', 'other'))
  assert.equal(await ledger.planned({ ...ENTRY, lock }), 'lost')
  assert.equal((await ledger.load('R1'))?.status, 'planning')
  assert.equal((await ledger.load('R1'))?.plan, null)
  assert.equal((await ledger.openChunks('R1')).size, 0)
  assert.equal(await ledger.ingestOrder('order-a'), null)
})

test('a plan without an attempt, or after the end without a plan, is stale', async (t) => {
  const { ledger, submit, grab } = openLedger(t, server)
  const lock = await grab(planLock('R1'))
  assert.equal(await ledger.planned({ ...ENTRY, lock }), 'stale')
  await submit('R1')
  assert.equal(await ledger.planned({ ...ENTRY, lock }), 'stale')
  await ledger.beginPlanning({ id: 'R1', lot: 'lot-1', lock })
  const refused = { from: ['planning'], lot: 'lot-1', receipt: receipt('R1', 'refused') } as const
  await ledger.settle(settlement('R1', refused))
  assert.equal(await ledger.planned({ ...ENTRY, lock }), 'stale')
  assert.equal(await ledger.ingestOrder('order-a'), null)
})

test('a plan of thousands of orders is still one step', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  const lock = await bundle.planning('R1')
  const orders = Array.from({ length: 5_000 }, (_, n) => ingestOrder(`o${n}`, [chunkRef('R1', n)]))
  assert.equal(await ledger.planned({ ...ENTRY, orders, lock }), 'ok')
  assert.equal((await ledger.openChunks('R1')).size, 5_000)
  assert.deepEqual((await ledger.ingestOrder('o4999'))?.order, orders[4_999])
})
