import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Clock, systemClock } from '../../src/shared/base/clock.ts'
import { leapingClock } from '../helpers/clock.ts'
import { linesOf, outcome, receiptOf, statusReached, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld, type World } from '../helpers/world.ts'

const redis = await startRedis({ after })

/** Raises the flag and has it acted upon, as whoever cancels does. */
async function stop(
  { store }: World,
  id: string,
  reason: 'cancelled' | 'deadline' = 'cancelled',
): Promise<void> {
  await store.ledger.cancel(id, reason)
  await store.orders.stop(id)
}

const statesOf = ({ sandbox }: World) => sandbox.referee.stats().jobs.map(({ state }) => state)

describe('a request that is cancelled', { concurrency: true }, () => {
  test('before its job is created is not sent', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const { ledger, queues } = world.store
    await ledger.pause(false)
    const worker = await world.startWorker()
    const ids = ids18(5)
    const id = await submitIds(world, ids)
    while ((await (await queues())['ingest-jobs'].getActiveCount()) === 0) await delay(5)
    await stop(world, id)
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'cancelled')
    assert.deepEqual(receipt.outcome, outcome({ unprocessed: 5 }))
    assert.deepEqual(await linesOf(world, id, 'unprocessed.csv'), ids)
    // The slot is free again although the pause goes on.
    while (worker.orgs.get(world.org)?.active !== 0) await delay(5)
    assert.deepEqual(statesOf(world), [])
  })

  test('between the creation of its job and the close leaves that job aborted', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const { referee, faults } = world.sandbox
    faults.add({ on: 'upload', times: 1, action: { do: 'stall', when: 'before', ms: 60 } })
    await world.startWorker()
    const id = await submitIds(world, ids18(5, 10))
    await referee.until(({ calls }) => calls['upload']?.received === 1)
    await stop(world, id)
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'cancelled')
    assert.deepEqual(receipt.outcome, outcome({ unprocessed: 5 }))
    assert.deepEqual(receipt.ingestJobs, [])
    assert.deepEqual(statesOf(world), ['Aborted'])
    assert.equal(referee.stats().calls['close'], undefined)
  })

  test('while its jobs run at several workers has them aborted, and keeps what they did', async (t) => {
    const org = { maxJobRecords: 10, maxInFlight: 3 }
    const world = await startWorld(t, { redis, clock: leapingClock(), org })
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', action: { do: 'hold', afterRows: 4 } })
    await world.startWorker()
    await world.startWorker()
    const ids = ids18(50, 100)
    const id = await submitIds(world, ids)
    await referee.until(({ jobs }) => jobs.filter(({ processed }) => processed === 4).length === 3)
    await stop(world, id)
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'cancelled')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 12, unprocessed: 38 }))
    assert.equal((await linesOf(world, id, 'unprocessed.csv'))?.length, 38)
    assert.deepEqual(statesOf(world), ['Aborted', 'Aborted', 'Aborted'])
    assert.deepEqual(referee.stats().violationCounts, {})
    assert.ok(referee.stats().maxJobsUnseen <= 3)
  })

  test('while its job sleeps between two polls a minute apart wakes it', async (t) => {
    // Nothing that long ends by itself in this test.
    const clock: Clock = {
      now: () => systemClock.now(),
      sleep: (ms, signal) =>
        ms < 5000 ? systemClock.sleep(Math.min(ms, 10), signal) : forever(signal),
    }
    const world = await startWorld(t, { redis, clock })
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', times: 1, action: { do: 'hold', afterRows: 2 } })
    const first = await world.startWorker()
    const id = await submitIds(world, ids18(10, 200))
    await referee.until(({ jobs }) => jobs[0]?.processed === 2)
    await first.stop()
    const [order = ''] = (await world.store.ledger.openChunks(id)).values()
    const key = world.store.ledger.keys.ingest(order)
    const checkpoint = {
      step: 'wait',
      jobId: referee.stats().jobs[0]?.id,
      since: clock.now() - 3600_000,
    }
    await world.store.redis.hset(key, 'checkpoint', JSON.stringify(checkpoint))
    await world.startWorker()
    while ((await (await world.store.queues())['ingest-jobs'].getActiveCount()) === 0)
      await delay(5)
    const polls = referee.stats().calls['get']?.received
    await delay(50)
    assert.equal(referee.stats().calls['get']?.received, polls)
    await stop(world, id)
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'cancelled')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 2, unprocessed: 8 }))
  })

  test('is not forgotten where the abort is answered with 503 at first', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', times: 1, action: { do: 'hold', afterRows: 3 } })
    faults.add({ on: 'abort', times: 5, action: { do: 'answer', status: 503 } })
    await world.startWorker()
    const id = await submitIds(world, ids18(5, 300))
    await referee.until(({ jobs }) => jobs[0]?.processed === 3)
    await stop(world, id)
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'cancelled')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 3, unprocessed: 2 }))
    assert.equal(referee.stats().calls['abort']?.received, 6)
  })

  test('too late for its job is told what that job did', async (t) => {
    for (const status of [400, 404]) {
      const world = await startWorld(t, { redis, clock: leapingClock() })
      const { referee, faults } = world.sandbox
      const held = faults.add({ on: 'job', times: 1, action: { do: 'hold' } })
      const errorCode = status === 400 ? 'INVALIDJOBSTATE' : 'NOT_FOUND'
      faults.add({ on: 'abort', times: 1, action: { do: 'answer', status, errorCode } })
      await world.startWorker()
      const id = await submitIds(world, ids18(5, status))
      await referee.until(({ jobsAtWork }) => jobsAtWork === 1)
      await stop(world, id)
      await referee.until(({ calls }) => calls['abort']?.received === 1)
      faults.remove(held.id)
      const receipt = await receiptOf(world, id)
      assert.deepEqual(receipt.outcome, outcome({ deleted: 5 }))
      assert.equal(referee.stats().calls['abort']?.received, 1)
      assert.deepEqual(statesOf(world), ['JobComplete'])
    }
  })

  test('by its deadline ends the same way, and says so', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', times: 1, action: { do: 'hold', afterRows: 1 } })
    await world.startWorker()
    const id = await submitIds(world, ids18(5, 500))
    await referee.until(({ jobs }) => jobs[0]?.processed === 1)
    await stop(world, id, 'deadline')
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'cancelled')
    assert.equal(receipt.error?.code, 'DEADLINE_PASSED')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 1, unprocessed: 4 }))
  })

  test('while Redis is away is stopped once it is back', async (t) => {
    const scope = inReverse((close) => t.after(close))
    const own = await startRedis(scope, { appendOnly: true })
    const world = await startWorld(scope, { redis: own, clock: leapingClock() })
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', times: 1, action: { do: 'hold', afterRows: 2 } })
    await world.startWorker()
    const id = await submitIds(world, ids18(5, 600))
    await referee.until(({ jobs }) => jobs[0]?.processed === 2)
    await statusReached(world, id, 'deleting')
    await own.kill()
    const stopped = stop(world, id)
    await delay(50)
    await own.restart()
    await stopped
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'cancelled')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 2, unprocessed: 3 }))
  })
})

function forever(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason)
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
