import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { outcomeVerbs } from '../../../../src/shared/store/ledger/record-outcome.ts'
import { startRedis } from '../../../helpers/redis.ts'
import {
  chunkOutcome,
  chunkRef,
  ingestOrder,
  openLedger,
  orderLock,
  planLock,
  settlement,
} from './setup.ts'

const server = await startRedis({ after })

const WRITTEN = { written: true, stopped: false, passed: false } as const

/** Every chunk of an order with the same outcome. */
function outcomesOf(order: ReturnType<typeof ingestOrder>, deleted = 10) {
  return order.chunks.map((ref) => ({ ref, outcome: chunkOutcome(deleted) }))
}

test('the chunk that empties the request is the last, and only that one', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  const orders = [0, 1, 2].map((n) => ingestOrder(`order-${n}`, [chunkRef('R1', n)]))
  await deleting('R1', orders)
  const flags = []
  for (const order of orders) {
    const lock = await grab(orderLock(order.order))
    const outcomes = outcomesOf(order)
    const recorded = await ledger.recordOutcome({ order: order.order, outcomes, lock })
    assert.ok(recorded.kind === 'ok')
    flags.push(...recorded.chunks.map(({ written, last, stopped }) => ({ written, last, stopped })))
  }
  assert.deepEqual(flags, [
    { written: true, last: false, stopped: false },
    { written: true, last: false, stopped: false },
    { written: true, last: true, stopped: false },
  ])
  assert.equal((await ledger.openChunks('R1')).size, 0)
  assert.deepEqual(
    new Map(await ledger.outcomes('R1')),
    new Map(['0.1', '1.1', '2.1'].map((field) => [field, chunkOutcome(10)])),
  )
})

test('of several chunks of one request in one order, the final one is the last', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  const order = ingestOrder('order-a', [chunkRef('R1', 0), chunkRef('R1', 1), chunkRef('R1', 2)])
  await deleting('R1', [order])
  const lock = await grab(orderLock('order-a'))
  const recorded = await ledger.recordOutcome({
    order: 'order-a',
    outcomes: outcomesOf(order),
    lock,
  })
  assert.deepEqual(recorded, {
    kind: 'ok',
    chunks: order.chunks.map((ref, at) => ({ ...WRITTEN, ref, last: at === 2 })),
  })
})

test('a repetition is gone and changes nothing', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  const order = ingestOrder('order-a', [chunkRef('R1', 0)])
  await deleting('R1', [order])
  const lock = await grab(orderLock('order-a'))
  const record = (deleted: number) =>
    ledger.recordOutcome({ order: 'order-a', outcomes: outcomesOf(order, deleted), lock })
  assert.equal((await record(3)).kind, 'ok')
  assert.deepEqual(await record(4), { kind: 'gone' })
  assert.deepEqual(await ledger.outcomes('R1'), new Map([['0.1', chunkOutcome(3)]]))
})

test('a worker that lost the lock writes nothing, and the owner still can', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  const order = ingestOrder('order-a', [chunkRef('R1', 0)])
  await deleting('R1', [order])
  const zombie = await grab(orderLock('order-a', 'zombie'))
  const owner = await grab(orderLock('order-a', 'owner'))
  const entry = { order: 'order-a', outcomes: outcomesOf(order, 1) }
  assert.deepEqual(await ledger.recordOutcome({ ...entry, lock: zombie }), { kind: 'lost' })
  assert.equal((await ledger.outcomes('R1')).size, 0)
  assert.equal((await ledger.openChunks('R1')).size, 1)
  assert.equal((await ledger.recordOutcome({ ...entry, lock: owner })).kind, 'ok')
})

test('of orders that race for the end of a request, exactly one sees the last', async (t) => {
  const clients = Array.from({ length: 4 }, () => openLedger(t, server))
  const [first] = clients
  assert.ok(first)
  const orders = Array.from({ length: 12 }, (_, n) =>
    ingestOrder(`order-${n}`, [chunkRef('R1', 2 * n), chunkRef('R1', 2 * n + 1)]),
  )
  await first.deleting('R1', orders)
  const locks = await Promise.all(orders.map(({ order }) => first.grab(orderLock(order))))
  // Twice each, from two connections: a repetition must not see it again.
  const answers = await Promise.all(
    [...orders, ...orders].map((order, at) => {
      const { connection } = clients[at % clients.length] ?? first
      const lock = locks[at % orders.length] ?? assert.fail()
      const outcomes = outcomesOf(order)
      return outcomeVerbs(connection, first.keys).recordOutcome({
        order: order.order,
        outcomes,
        lock,
      })
    }),
  )
  const chunks = answers.flatMap((answer) => (answer.kind === 'ok' ? answer.chunks : []))
  assert.equal(chunks.filter(({ written }) => written).length, 24)
  assert.equal(chunks.filter(({ last }) => last).length, 1)
})

test('a chunk that two orders carry gets one outcome, from whoever comes first', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  const shared = chunkRef('R1', 1)
  const a = ingestOrder('order-a', [chunkRef('R1', 0), shared])
  const b = ingestOrder('order-b', [shared, chunkRef('R1', 2)])
  await deleting('R1', [a, b])
  const flags = []
  for (const [deleted, order] of [b, a].entries()) {
    const lock = await grab(orderLock(order.order))
    const outcomes = outcomesOf(order, deleted)
    const recorded = await ledger.recordOutcome({ order: order.order, outcomes, lock })
    assert.ok(recorded.kind === 'ok')
    flags.push(recorded.chunks.map(({ written, last }) => [written, last]))
  }
  assert.deepEqual(flags[0], [
    [true, false],
    [true, false],
  ])
  assert.deepEqual(flags[1], [
    [true, true],
    [false, true],
  ])
  assert.equal((await ledger.outcomes('R1')).get('1.1')?.outcome.deleted, 0)
})

test('an order of several requests enters each one’s book, and says who is done', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  const one = chunkRef('One', 0)
  const two = chunkRef('Two', 0)
  const shared = ingestOrder('shared', [one, two])
  await deleting('One', [shared])
  await deleting('Two', [shared, ingestOrder('more', [chunkRef('Two', 1)])])
  const lock = await grab(orderLock('shared'))
  const outcomes = [
    { ref: one, outcome: chunkOutcome(1) },
    { ref: two, outcome: chunkOutcome(2) },
  ]
  assert.deepEqual(await ledger.recordOutcome({ order: 'shared', outcomes, lock }), {
    kind: 'ok',
    chunks: [
      { ...WRITTEN, ref: one, last: true },
      { ...WRITTEN, ref: two, last: false },
    ],
  })
  assert.deepEqual(await ledger.outcomes('ONE'), new Map([['0.1', chunkOutcome(1)]]))
  assert.deepEqual(await ledger.outcomes('TWO'), new Map([['0.1', chunkOutcome(2)]]))
})

test('a chunk of a request that has its receipt writes nothing', async (t) => {
  const { ledger, deleting, grab, redis, keys } = openLedger(t, server)
  const a = ingestOrder('order-a', [chunkRef('R1', 0)])
  const b = ingestOrder('order-b', [chunkRef('R1', 0)])
  await deleting('R1', [a, b])
  for (const order of [a, b]) {
    const lock = await grab(orderLock(order.order))
    const outcomes = outcomesOf(order)
    const recorded = await ledger.recordOutcome({ order: order.order, outcomes, lock })
    assert.equal(recorded.kind === 'ok' && recorded.chunks[0]?.written, order === a)
    assert.equal(await ledger.settle(settlement('R1')), order === a ? 'settled' : 'already')
  }
  assert.equal(await redis.exists(keys.ledger('R1'), keys.open('R1')), 0)
})

test('the lock of the plan does not open an ingest order', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  const order = ingestOrder('order-a', [chunkRef('R1', 0)])
  await deleting('R1', [order])
  await grab(orderLock('order-a', 'owner'))
  const lock = planLock('R1')
  const entry = { order: 'order-a', outcomes: outcomesOf(order), lock: { ...lock, token: 'other' } }
  assert.deepEqual(await ledger.recordOutcome(entry), { kind: 'lost' })
})
