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
const ORDER = ingestOrder('order-a', [chunkRef('R1', 0)])

test('a request without open chunks gets its status and receipt, once', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  await bundle.deleting('R1', [ORDER])
  await bundle.record(ORDER)
  assert.equal(await ledger.settle(settlement('R1')), 'settled')
  const record = await ledger.load('R1')
  assert.equal(record?.status, 'completed')
  assert.deepEqual(record?.receipt, receipt('R1'))
  assert.deepEqual(await ledger.liveIds(), [])

  const other = { receipt: receipt('R1', 'incomplete') }
  assert.equal(await ledger.settle(settlement('R1', other)), 'already')
  assert.deepEqual(await ledger.load('R1'), record)
})

test('while a chunk is open it is not due', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  await bundle.deleting('R1', [ORDER])
  assert.equal(await ledger.settle(settlement('R1')), 'not-due')
  assert.equal((await ledger.load('R1'))?.status, 'deleting')
  assert.deepEqual(await ledger.liveIds(), ['r1'])
})

test('what is being deleted keeps its open chunks, whoever would drop them', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  await bundle.deleting('R1', [ORDER])
  assert.equal(await ledger.settle(settlement('R1', { unsent: ['order-a'] })), 'not-due')
  assert.notEqual(await ledger.ingestOrder('order-a'), null)
})

test('an end can be reached only from the statuses it names', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger, submit } = bundle
  await submit('R1')
  assert.equal(await ledger.settle(settlement('R1')), 'not-due')
  const parts = { from: ['planning', 'awaiting-approval', 'deleting'] } as const
  assert.equal(await ledger.settle(settlement('R1', parts)), 'not-due')
  assert.equal(await ledger.settle(settlement('R1', { from: [] })), 'not-due')
  assert.equal(await ledger.settle(settlement('R1', { from: ['deleting', 'queued'] })), 'settled')
})

test('a request that nobody knows is unknown and does not appear', async (t) => {
  const { ledger } = openLedger(t, server)
  assert.equal(await ledger.settle(settlement('nobody')), 'unknown')
  assert.equal(await ledger.load('nobody'), null)
})

test('of many who settle at once, one does', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.deleting('R1', [ORDER])
  await bundle.record(ORDER)
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => bundle.ledger.settle(settlement('R1'))),
  )
  assert.deepEqual(answers.sort(), [...Array(9).fill('already'), 'settled'])
})

test('a plan that ends unsent takes its chunks and orders along', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger, redis, keys } = bundle
  await bundle.parked('R1', [ORDER])
  await ledger.cancel('R1', 'cancelled')
  const end = { from: ['awaiting-approval'], receipt: receipt('R1', 'cancelled') } as const
  assert.equal(await ledger.settle(settlement('R1', end)), 'not-due')
  assert.equal(await ledger.settle(settlement('R1', { ...end, unsent: ['order-a'] })), 'settled')
  const left = [keys.open('R1'), keys.ledger('R1'), keys.cancel('R1'), keys.ingest('order-a')]
  assert.equal(await redis.exists(...left), 0)
})

test('nothing is left of a settled request but its record and its tombstone, for a time', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger, redis, keys, expire } = bundle
  const lock = await bundle.deleting('R1', [ORDER])
  await bundle.record(ORDER)
  assert.equal(await redis.ttl(keys.request('R1')), -1)
  await ledger.settle(settlement('R1', { retentionSeconds: 86_400 }))
  await expire(lock)
  await expire(orderLock('order-a'))
  await ledger.filed('store', 'R1')
  const ttl = await redis.ttl(keys.request('R1'))
  assert.ok(ttl > 86_000 && ttl <= 86_400, `expected a day, got ${ttl} s`)
  const left = await redis.keys(`${keys.prefix}:*`)
  const kept = [keys.folders('store'), keys.identity, keys.request('R1'), keys.requests]
  kept.push(keys.tombstone('R1'))
  assert.deepEqual(left.sort(), kept.sort())
})

test('a repetition does not prolong the record’s time', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger, redis, keys } = bundle
  await bundle.deleting('R1', [])
  await ledger.settle(settlement('R1', { retentionSeconds: 100 }))
  await ledger.settle(settlement('R1', { retentionSeconds: 9_000 }))
  assert.ok((await redis.ttl(keys.request('R1'))) <= 100)
})

test('a planning attempt that no longer counts settles nothing', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  await bundle.planning('R1')
  await ledger.beginPlanning({ id: 'R1', lot: 'lot-2', lock: planLock('R1') })
  const end = { from: ['planning'], receipt: receipt('R1', 'refused') } as const
  assert.equal(await ledger.settle(settlement('R1', { ...end, lot: 'lot-1' })), 'not-due')
  assert.equal(await ledger.settle(settlement('R1', { ...end, lot: 'lot-2' })), 'settled')
})

test('a plan that was refused is kept with its record', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  await bundle.planning('R1')
  const plan = { ...PLAN, invalid: 5, read: 35 }
  await ledger.settle(
    settlement('R1', { from: ['planning'], receipt: receipt('R1', 'refused'), plan }),
  )
  assert.deepEqual((await ledger.load('R1'))?.plan, plan)
})

test('a full Redis still takes outcomes and receipts, for they make room', async (t) => {
  const full = await startRedis(t, { args: ['--maxmemory-policy', 'noeviction'] })
  const bundle = openLedger(t, full)
  const { ledger, redis } = bundle
  await bundle.deleting('R1', [ORDER])
  const lock = await bundle.grab(orderLock('order-a'))
  const outcomes = [{ ref: chunkRef('R1', 0), outcome: chunkOutcome(10) }]
  // The scripts are known before Redis is full: loading one needs room.
  await ledger.recordOutcome({ order: 'none', outcomes, lock })
  await ledger.settle(settlement('nobody'))
  await redis.config('SET', 'maxmemory', '1')
  await assert.rejects(bundle.submit('R2'), /OOM/)
  assert.equal((await ledger.recordOutcome({ order: 'order-a', outcomes, lock })).kind, 'ok')
  assert.equal(await ledger.settle(settlement('R1')), 'settled')
})
