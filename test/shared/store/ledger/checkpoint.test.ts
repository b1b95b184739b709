import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startRedis } from '../../../helpers/redis.ts'
import { chunkOutcome, chunkRef, ingestOrder, openLedger, orderLock } from './setup.ts'

const server = await startRedis({ after })
const ORDER = ingestOrder('order-a', [chunkRef('R1', 0)])
const CHECKPOINT = '{"step":"close","jobId":"750"}'
const PROGRESS = { processed: 7, failed: 2 }

test('checkpoint and progress are saved by whoever holds the lock', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  await deleting('R1', [ORDER])
  const lock = await grab(orderLock('order-a'))
  const entry = { order: 'order-a', lock }
  assert.equal(await ledger.saveCheckpoint({ ...entry, checkpoint: CHECKPOINT }), 'ok')
  assert.equal(await ledger.saveProgress({ ...entry, order: ORDER, progress: PROGRESS }), 'ok')
  const now = { order: ORDER, progress: PROGRESS, taken: true }
  assert.deepEqual(await ledger.ingestOrder('order-a'), now)
  const taken = await ledger.takeOrder('order-a', lock)
  assert.equal(taken.kind === 'taken' && taken.checkpoint, CHECKPOINT)
})

test('progress does not touch the crash count', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  await deleting('R1', [ORDER])
  const lock = await grab(orderLock('order-a'))
  await ledger.takeOrder('order-a', lock)
  await ledger.saveProgress({ order: ORDER, lock, progress: PROGRESS })
  const taken = await ledger.takeOrder('order-a', lock)
  assert.equal(taken.kind === 'taken' && taken.crashes, 1)
})

test('a worker whose lock is gone or another worker’s writes nothing', async (t) => {
  const { ledger, deleting, grab, expire, redis, keys } = openLedger(t, server)
  await deleting('R1', [ORDER])
  const zombie = await grab(orderLock('order-a', 'zombie'))
  await ledger.takeOrder('order-a', zombie)
  const before = await redis.hgetall(keys.ingest('order-a'))
  for (const lose of [() => expire(zombie), () => grab(orderLock('order-a', 'owner'))]) {
    await lose()
    const entry = { order: 'order-a', lock: zombie }
    assert.equal(await ledger.saveCheckpoint({ ...entry, checkpoint: CHECKPOINT }), 'lost')
    assert.equal(await ledger.saveProgress({ ...entry, order: ORDER, progress: PROGRESS }), 'lost')
    assert.deepEqual(await redis.hgetall(keys.ingest('order-a')), before)
  }
})

test('the lock of another job opens nothing', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  await deleting('R1', [ORDER])
  await grab(orderLock('order-b', 'worker-1'))
  const lock = orderLock('order-a', 'worker-1')
  const entry = { order: 'order-a', checkpoint: CHECKPOINT, lock }
  assert.equal(await ledger.saveCheckpoint(entry), 'lost')
})

test('an order that has ended is gone and does not come back', async (t) => {
  const { ledger, deleting, grab, redis, keys } = openLedger(t, server)
  await deleting('R1', [ORDER])
  const lock = await grab(orderLock('order-a'))
  const outcomes = [{ ref: chunkRef('R1', 0), outcome: chunkOutcome(10) }]
  await ledger.recordOutcome({ order: 'order-a', outcomes, lock })
  const entry = { order: 'order-a', lock }
  assert.equal(await ledger.saveCheckpoint({ ...entry, checkpoint: CHECKPOINT }), 'gone')
  assert.equal(await ledger.saveProgress({ ...entry, order: ORDER, progress: PROGRESS }), 'gone')
  assert.equal(await redis.exists(keys.ingest('order-a')), 0)
  assert.equal(await ledger.ingestOrder('order-a'), null)
})
