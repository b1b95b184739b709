import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startRedis } from '../../../helpers/redis.ts'
import { chunkOutcome, chunkRef, ingestOrder, openLedger, orderLock } from './setup.ts'

const server = await startRedis({ after })

const REF = chunkRef('R1', 0)
const ORDER = ingestOrder('r1.0.1', [REF])
const UNSENT = { order: ORDER, outcomes: [{ ref: REF, outcome: chunkOutcome(0) }] }

test('an order that no worker has taken is ended, once', async (t) => {
  const { ledger, deleting } = openLedger(t, server)
  await deleting('R1', [ORDER])
  assert.equal(await ledger.endUnsent(UNSENT), 'ended')
  assert.equal((await ledger.openChunks('R1')).size, 0)
  assert.deepEqual((await ledger.outcomes('R1')).get('0.1'), chunkOutcome(0))
  assert.equal(await ledger.endUnsent(UNSENT), 'gone')
})

test('an order that a worker has taken stays, even where that worker has died since', async (t) => {
  const { ledger, deleting, grab, expire } = openLedger(t, server)
  await deleting('R1', [ORDER])
  const lock = await grab(orderLock(ORDER.order))
  await ledger.takeOrder(ORDER.order, lock)
  assert.equal((await ledger.ingestOrder(ORDER.order))?.taken, true)
  await expire(lock)
  assert.equal(await ledger.endUnsent(UNSENT), 'taken')
  assert.equal((await ledger.openChunks('R1')).size, 1)
})

test('an order that was handed back before its ingest job was made is ended', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  await deleting('R1', [ORDER])
  const lock = await grab(orderLock(ORDER.order))
  await ledger.takeOrder(ORDER.order, lock)
  await ledger.handBackOrder(ORDER.order, lock)
  assert.equal((await ledger.ingestOrder(ORDER.order))?.taken, false)
  assert.equal(await ledger.endUnsent(UNSENT), 'ended')
  assert.deepEqual(await ledger.takeOrder(ORDER.order, lock), { kind: 'gone' })
})

test('an order with a checkpoint stays, for an ingest job may be at work', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  await deleting('R1', [ORDER])
  const lock = await grab(orderLock(ORDER.order))
  const checkpoint = '{"step":"wait","jobId":"750","since":1}'
  await ledger.saveCheckpoint({ order: ORDER.order, checkpoint, lock })
  await ledger.handBackOrder(ORDER.order, lock)
  assert.equal(await ledger.endUnsent(UNSENT), 'taken')
})
