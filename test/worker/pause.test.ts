import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { leapingClock } from '../helpers/clock.ts'
import { outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld, type World } from '../helpers/world.ts'

const redis = await startRedis({ after })
const HOUR = 3600_000

describe('a fault of the org', { concurrency: true }, () => {
  test('of two hours costs no request anything but time', async (t) => {
    const clock = leapingClock()
    const world = await startWorld(t, { redis, clock, org: { maxJobRecords: 5, maxInFlight: 4 } })
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', nth: [1, 2], action: { do: 'hold' } })
    await world.startWorker()
    await world.startWorker()
    const ids = ids18(40)
    const id = await submitIds(world, ids)
    await referee.until(({ jobsAtWork }) => jobsAtWork > 0)
    faults.add({
      on: '*',
      action: { do: 'answer', status: 503, errorCode: 'SERVER_UNAVAILABLE' },
    })
    const begin = clock.now()
    while (clock.now() - begin < 2 * HOUR) await delay(2)
    const { fault } = await world.store.ledger.pauseState()
    assert.equal(fault?.reason, 'outage')
    faults.clear()

    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 40 }))
    assert.deepEqual([...new Set(receipt.ingestJobs.map(({ attempt }) => attempt))], [1])
    for (const one of ids) assert.deepEqual(referee.verdictsOf(one), ['DELETED'])
    assertInOrder(world, 4)
    assert.equal((await world.store.ledger.pauseState()).fault, null)
  })

  test('that is a used-up quota is tried with one job at a time, and spends no attempt', async (t) => {
    const clock = leapingClock()
    const world = await startWorld(t, { redis, clock, org: { maxJobRecords: 5, maxInFlight: 3 } })
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', times: 12, action: { do: 'fail', code: 'ExceededQuota' } })
    await world.startWorker()
    await world.startWorker()
    const id = await submitIds(world, ids18(25, 100))
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 25 }))
    const failed = referee.stats().jobs.filter(({ state }) => state === 'Failed')
    assert.equal(failed.length, 12)
    assertInOrder(world, 3)
    assert.equal((await world.store.ledger.pauseState()).fault, null)
  })
})

describe("an operator's pause", { concurrency: true }, () => {
  test('lets what runs end, and begins nothing before it is taken back', async (t) => {
    const clock = leapingClock()
    const world = await startWorld(t, { redis, clock, org: { maxJobRecords: 5, maxInFlight: 3 } })
    const { ledger } = world.store
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', times: 3, action: { do: 'hold' } })
    await world.startWorker()
    await world.startWorker()
    const id = await submitIds(world, ids18(30, 200))
    await referee.until(({ jobsAtWork }) => jobsAtWork === 3)
    await ledger.pause(false)
    faults.clear()
    while ((await ledger.openChunks(id)).size > 3) await delay(5)
    // The slots are taken again, and everybody in them waits.
    const active = async () => (await world.store.queues())['ingest-jobs'].getActiveCount()
    while ((await active()) < 3) await delay(5)
    await delay(50)
    assert.equal(referee.stats().jobs.length, 3)
    await ledger.resume()
    const receipt = await receiptOf(world, id)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 30 }))
    assert.equal(referee.stats().jobs.length, 6)
    assertInOrder(world, 3)
  })

  test('leaves a job that is uploaded as it is, and closes it afterwards', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const { ledger } = world.store
    const { referee, faults } = world.sandbox
    faults.add({ on: 'upload', times: 1, action: { do: 'stall', when: 'before', ms: 50 } })
    await world.startWorker()
    const id = await submitIds(world, ids18(5, 300))
    await referee.until(({ calls }) => calls['upload']?.received === 1)
    await ledger.pause(false)
    await referee.until(({ jobs }) => (jobs[0]?.uploadedBytes ?? 0) > 0)
    await delay(50)
    assert.equal(referee.stats().calls['close'], undefined)
    await ledger.resume()
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(
      referee.stats().jobs.map(({ state }) => state),
      ['JobComplete'],
    )
  })

  test('with abort ends what runs, keeps what it did, and sends the rest again later', async (t) => {
    const clock = leapingClock()
    const world = await startWorld(t, { redis, clock, org: { maxJobRecords: 5, maxInFlight: 4 } })
    const { ledger } = world.store
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', times: 4, action: { do: 'hold', afterRows: 2 } })
    await world.startWorker()
    await world.startWorker()
    const ids = ids18(20, 400)
    const id = await submitIds(world, ids)
    await referee.until(({ jobs }) => jobs.filter(({ processed }) => processed === 2).length === 4)
    await ledger.pause(true)
    await referee.until(({ jobs }) => jobs.every(({ state }) => state === 'Aborted'))
    while ([...(await ledger.outcomes(id))].length < 4) await delay(5)
    await delay(50)
    assert.equal(referee.stats().jobs.length, 4)
    await ledger.resume()
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 20 }))
    for (const one of ids) assert.deepEqual(referee.verdictsOf(one), ['DELETED'])
    assertInOrder(world, 4)
  })

  test('with abort spends no attempt, however often it comes', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const { ledger } = world.store
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', action: { do: 'hold' } })
    await world.startWorker()
    const id = await submitIds(world, ids18(5, 500))
    for (let aborted = 1; aborted <= 7; aborted++) {
      await referee.until(({ jobsAtWork }) => jobsAtWork === 1)
      await ledger.pause(true)
      await referee.until(
        ({ jobs }) => jobs.filter(({ state }) => state === 'Aborted').length === aborted,
      )
      if (aborted === 7) faults.clear()
      await ledger.resume()
    }
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'completed')
    assert.equal(receipt.ingestJobs.length, 8)
  })

  test('does not hold a worker that stops: the next one goes on once it is over', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const { ledger, queues } = world.store
    await ledger.pause(false)
    const first = await world.startWorker()
    const id = await submitIds(world, ids18(5, 600))
    const queue = (await queues())['ingest-jobs']
    while ((await queue.getActiveCount()) === 0) await delay(5)
    await first.stop()
    assert.equal(await queue.getActiveCount(), 0)
    assert.equal(await queue.getWaitingCount(), 1)
    await world.startWorker()
    while ((await queue.getActiveCount()) === 0) await delay(5)
    assert.equal(world.sandbox.referee.stats().jobs.length, 0)
    await ledger.resume()
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'completed')
    assert.equal(receipt.ingestJobs[0]?.attempt, 1)
  })

  test('is survived by a job whose worker dies at the gate, however many do', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const { ledger, queues } = world.store
    await ledger.pause(false)
    await world.startWorker()
    const id = await submitIds(world, ids18(5, 700))
    while ((await (await queues())['ingest-jobs'].getActiveCount()) === 0) await delay(5)
    const [order = ''] = (await ledger.openChunks(id)).values()
    const starts = () => world.store.redis.hget(ledger.keys.ingest(order), 'starts')
    while ((await starts()) !== '0') await delay(5)
    await ledger.resume()
    assert.equal((await receiptOf(world, id)).status, 'completed')
  })
})

function assertInOrder({ sandbox }: World, window: number): void {
  const { violationCounts, deletedTwice, maxJobsUnseen } = sandbox.referee.stats()
  assert.deepEqual(violationCounts, {})
  assert.equal(deletedTwice, 0)
  assert.ok(maxJobsUnseen <= window, `${maxJobsUnseen} jobs at once`)
}
