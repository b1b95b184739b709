import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startRedis } from '../../../helpers/redis.ts'
import { type Bundle, chunkOutcome, chunkRef, ingestOrder, openLedger, orderLock } from './setup.ts'

const server = await startRedis({ after })
const ORDER = ingestOrder('order-a', [chunkRef('R1', 0)])

/** A worker is given the job and takes the order; unless it hands back, it will have crashed. */
async function take({ ledger, grab }: Bundle, token: string) {
  const taken = await ledger.takeOrder('order-a', await grab(orderLock('order-a', token)))
  assert.equal(taken.kind, 'taken')
  return taken.kind === 'taken' ? taken : assert.fail()
}

async function save({ ledger }: Bundle, token: string, step: string) {
  const checkpoint = JSON.stringify({ step, jobId: '750' })
  const lock = orderLock('order-a', token)
  assert.equal(await ledger.saveCheckpoint({ order: 'order-a', checkpoint, lock }), 'ok')
}

test('an order is taken with all that it carries', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.deleting('R1', [ORDER])
  assert.deepEqual(await take(bundle, 'one'), {
    kind: 'taken',
    order: ORDER,
    checkpoint: null,
    crashes: 0,
    next: [],
  })
})

test('without the lock nothing is taken and no crash is counted', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.deleting('R1', [ORDER])
  const zombie = orderLock('order-a', 'zombie')
  assert.deepEqual(await bundle.ledger.takeOrder('order-a', zombie), { kind: 'lost' })
  await bundle.grab(orderLock('order-a', 'owner'))
  assert.deepEqual(await bundle.ledger.takeOrder('order-a', zombie), { kind: 'lost' })
  assert.equal((await take(bundle, 'owner')).crashes, 0)
})

test('an order whose outcome is in the ledger is gone', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger, grab } = bundle
  await bundle.deleting('R1', [ORDER])
  const lock = await grab(orderLock('order-a'))
  const outcomes = [{ ref: chunkRef('R1', 0), outcome: chunkOutcome(10) }]
  await ledger.recordOutcome({ order: 'order-a', outcomes, lock })
  assert.deepEqual(await ledger.takeOrder('order-a', lock), { kind: 'gone' })
  await ledger.handBackOrder('order-a', lock)
  assert.deepEqual(await ledger.takeOrder('order-a', lock), { kind: 'gone' })
})

test('workers that die before the first checkpoint are counted', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.deleting('R1', [ORDER])
  const crashes = []
  for (const token of ['one', 'two', 'three']) crashes.push((await take(bundle, token)).crashes)
  assert.deepEqual(crashes, [0, 1, 2])
})

test('a checkpoint begins the count anew, and whoever saved it counts too', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.deleting('R1', [ORDER])
  await take(bundle, 'one')
  await take(bundle, 'two')
  await save(bundle, 'two', 'upload')
  const third = await take(bundle, 'three')
  assert.equal(third.checkpoint, '{"step":"upload","jobId":"750"}')
  assert.equal(third.crashes, 1)
  assert.equal((await take(bundle, 'four')).crashes, 2)
})

test('waiting is not counted, however often workers change', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.deleting('R1', [ORDER])
  await take(bundle, 'one')
  await save(bundle, 'one', 'wait')
  for (const token of ['two', 'three', 'four']) {
    assert.equal((await take(bundle, token)).crashes, 0)
  }
  await save(bundle, 'four', 'collect')
  assert.equal((await take(bundle, 'five')).crashes, 1)
})

test('handing back is no crash', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.deleting('R1', [ORDER])
  for (const token of ['one', 'two', 'three']) {
    assert.equal((await take(bundle, token)).crashes, 0)
    await bundle.ledger.handBackOrder('order-a', orderLock('order-a', token))
  }
  await take(bundle, 'four')
  assert.equal((await take(bundle, 'five')).crashes, 1)
})

test('a zombie that hands back does not clear the count of the new owner', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.deleting('R1', [ORDER])
  await take(bundle, 'zombie')
  await take(bundle, 'owner')
  await bundle.ledger.handBackOrder('order-a', orderLock('order-a', 'zombie'))
  assert.equal((await take(bundle, 'next')).crashes, 2)
})

test('handing back what is gone leaves nothing behind', async (t) => {
  const { ledger, redis, keys } = openLedger(t, server)
  await ledger.handBackOrder('order-x', orderLock('order-x'))
  assert.equal(await redis.exists(keys.ingest('order-x')), 0)
})
