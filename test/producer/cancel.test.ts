import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { AlreadyOverError, UnknownRequestError } from '../../src/producer/producer.ts'
import { outcome, receiptOf, statusReached, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'

const redis = await startRedis(inReverse(after))

test('a request that is not known cannot be cancelled', async (t) => {
  const { producer, org } = await startWorld(t, { redis })
  await assert.rejects(producer.cancel('nobody', { org }), UnknownRequestError)
})

test('a queued request is cancelled as often as one likes, until it is over', async (t) => {
  const world = await startWorld(t, { redis })
  const { producer, org, sandbox } = world
  const id = await submitIds(world, ids18(3), { id: 'Queued' })
  assert.equal((await producer.inspect(id, { org }))?.stopping, null)
  await producer.cancel(id, { org })
  await producer.cancel('qUEUED', { org })
  assert.equal((await producer.inspect(id, { org }))?.stopping, 'cancelled')
  await world.startWorker()
  const receipt = await receiptOf(world, id)
  assert.deepEqual([receipt.status, receipt.error?.code], ['cancelled', 'CANCELLED'])
  assert.equal((await producer.inspect(id, { org }))?.stopping, null)
  await assert.rejects(producer.cancel(id, { org }), (error) => {
    assert.ok(error instanceof AlreadyOverError)
    assert.deepEqual([error.code, error.status], ['ALREADY_OVER', 'cancelled'])
    return true
  })
  assert.equal(sandbox.referee.stats().jobs.length, 0)
})

test('a plan that awaits approval is cancelled, and not approved any more', async (t) => {
  const world = await startWorld(t, { redis })
  const { producer, org } = world
  const worker = await world.startWorker()
  const id = await submitIds(world, ids18(3), { approval: 'required' })
  await statusReached(world, id, 'awaiting-approval')
  await worker.stop()
  await producer.cancel(id, { org })
  await assert.rejects(producer.approve(id, { org }), { code: 'NOT_AWAITING_APPROVAL' })
  await world.startWorker()
  assert.equal((await receiptOf(world, id)).status, 'cancelled')
})

test('what is being deleted is aborted, and every id accounted for', async (t) => {
  const world = await startWorld(t, {
    redis,
    sandbox: { faults: [{ on: 'job', action: { do: 'hold', afterRows: 20 } }] },
  })
  const { producer, org, sandbox } = world
  await world.startWorker()
  const id = await submitIds(world, ids18(50))
  await sandbox.referee.until(({ rowsDeleted }) => rowsDeleted === 20)
  await producer.cancel(id, { org })
  const receipt = await receiptOf(world, id)
  assert.equal(receipt.status, 'cancelled')
  assert.deepEqual(receipt.outcome, outcome({ deleted: 20, unprocessed: 30 }))
})
