import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type Clock, systemClock } from '../../src/shared/base/clock.ts'
import { leapingClock } from '../helpers/clock.ts'
import { deleteIds, outcome, receiptOf, statusReached, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld } from '../helpers/world.ts'

const redis = await startRedis({ after })
const HOUR = 3600_000

const hurried = leapingClock()

/** The same, so much later. */
const later = (ms: number): Clock => ({ ...hurried, now: () => hurried.now() + ms })

test('a plan that nobody approves for 72 hours is refused, and nothing was sent', async (t) => {
  const world = await startWorld(t, { redis, clock: hurried })
  const first = await world.startWorker()
  const id = await submitIds(world, ids18(5), { approval: 'required' })
  await statusReached(world, id, 'awaiting-approval')
  await first.stop()
  await world.store.redis.del(world.store.ledger.keys.sweeper)
  await world.startWorker({}, { clock: later(73 * HOUR) })
  const receipt = await receiptOf(world, id)
  assert.equal(receipt.status, 'refused')
  assert.equal(receipt.error?.code, 'NOT_APPROVED_IN_TIME')
  assert.equal(receipt.plan?.accepted, 5)
  assert.equal(receipt.outcome, null)
  assert.equal(world.sandbox.referee.stats().jobs.length, 0)
})

test('a plan that waits for less than that may still be approved', async (t) => {
  const world = await startWorld(t, { redis, clock: hurried })
  const first = await world.startWorker()
  const id = await submitIds(world, ids18(5), { approval: 'required' })
  await statusReached(world, id, 'awaiting-approval')
  await first.stop()
  await world.store.redis.del(world.store.ledger.keys.sweeper)
  await world.startWorker({}, { clock: later(HOUR) })
  await world.producer.approve(id, { org: world.org })
  assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 5 }))
})

test('a plan above the number of records that the configuration names waits unasked', async (t) => {
  const world = await startWorld(t, { redis, clock: hurried, org: { approvalAbove: 10 } })
  await world.startWorker()
  assert.equal((await deleteIds(world, ids18(10))).status, 'completed')
  const id = await submitIds(world, ids18(11, 100))
  await statusReached(world, id, 'awaiting-approval')
  await world.producer.approve(id, { org: world.org })
  assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 11 }))
})

test('many small requests of one caller wait as one of their size would', async (t) => {
  const world = await startWorld(t, { redis, clock: hurried, org: { approvalAbove: 10 } })
  await world.startWorker()
  const submitted = await Promise.all(
    Array.from({ length: 6 }, (_, n) => submitIds(world, ids18(4, n * 100))),
  )
  const planned = async (id: string) => {
    for (;;) {
      const record = await world.store.ledger.load(id)
      if (record?.status === 'awaiting-approval' || record?.receipt) return record.status
      await systemClock.sleep(10)
    }
  }
  const statuses = await Promise.all(submitted.map(planned))
  assert.deepEqual(statuses.toSorted(), [
    ...Array.from({ length: 4 }, () => 'awaiting-approval'),
    ...Array.from({ length: 2 }, () => 'completed'),
  ])
  for (const [n, status] of statuses.entries()) {
    if (status === 'awaiting-approval') {
      await world.producer.approve(submitted[n] ?? '', { org: world.org })
    }
  }
  for (const id of submitted) assert.equal((await receiptOf(world, id)).status, 'completed')
  assert.equal(
    (await deleteIds(world, ids18(2, 900))).status,
    'completed',
    'approved ones are free',
  )
})
