import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { type Job, Worker } from 'bullmq'
import { createLogger } from '../../src/shared/base/logger.ts'
import type { QueueName } from '../../src/shared/store/queues/queues.ts'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import { attemptsSpent } from '../helpers/attempts.ts'
import { leapingClock } from '../helpers/clock.ts'
import { outcome, receiptOf, statusReached, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** Two versions side by side: what the newer one writes, the older one leaves to it. */

const redis = await startRedis({ after })

let used = 0
function fresh(count: number): string[] {
  used += count
  return ids18(count, used - count)
}

describe('an order that only a newer version understands', { concurrency: true }, () => {
  const ORDERS: readonly [queue: QueueName, data: object][] = [
    ['requests', { v: 2, step: 'plan', id: 'r-1' }],
    ['requests', { v: 1, step: 'teleport', id: 'r-1' }],
    ['ingest-jobs', { v: 2, order: 'r-1.0.1' }],
    ['ingest-jobs-urgent', { v: 1, orders: ['r-1.0.1'] }],
  ]
  for (const [queue, data] of ORDERS) {
    test(`${JSON.stringify(data)} is put aside as often as it comes, and carried out by that one`, async (t) => {
      const world = await startWorld(t, { redis, clock: leapingClock() })
      const old = [await world.startWorker(), await world.startWorker()]
      const { [queue]: orders } = await world.store.queues()
      const { id = '' } = await orders.add('plan', data, { priority: 10, attempts: 2 })
      for (let times = 0; times < 3; times++) {
        const job = await delayed(world, queue, id)
        assert.equal(job.attemptsMade, 0)
        await job.promote()
      }
      const job = await delayed(world, queue, id)
      for (const worker of old) await worker.stop()
      await job.promote()
      assert.deepEqual(await carriedOutByNewer(t, world, queue), data)
      const events = await attemptsSpent(world)
      assert.ok(events.every((event) => event.includes('delayed')))
    })
  }

  test('a checkpoint of it is left to it, and no worker counts as dead over it', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    await world.startWorker()
    await world.startWorker()
    const id = await submitIds(world, fresh(3), { approval: 'required' })
    await statusReached(world, id, 'awaiting-approval')
    const { ledger, redis: connection } = world.store
    const [order = ''] = (await ledger.openChunks(id)).values()
    const key = ledger.keys.ingest(order)
    await connection.hset(key, { checkpoint: '{"step":"levitate","jobId":"750"}', starts: 1 })
    await world.producer.approve(id, { org: world.org })
    for (let times = 0; times < 8; times++) {
      const job = await delayed(world, 'ingest-jobs', order)
      assert.equal(await connection.hget(key, 'starts'), '0')
      assert.equal(job.attemptsMade, 0)
      await job.promote()
    }
    const job = await delayed(world, 'ingest-jobs', order)
    // The newer worker is done with what it alone can do.
    await connection.hset(key, { checkpoint: '{"step":"create"}' })
    await job.promote()
    assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 3 }))
  })
})

test('what a newer version has added to a record is passed over', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const { ledger, redis: connection } = world.store
  const id = await submitIds(world, fresh(4), { approval: 'required' })
  const request = ledger.keys.request(id)
  await connection.hset(request, { colour: 'blue' })
  await addTo(connection, request, 'request')
  await addTo(connection, request, 'staged')
  await world.startWorker()
  await statusReached(world, id, 'awaiting-approval')
  await addTo(connection, request, 'plan')
  const [order = ''] = (await ledger.openChunks(id)).values()
  await addTo(connection, ledger.keys.ingest(order), 'order')
  await world.producer.approve(id, { org: world.org })
  const receipt = await receiptOf(world, id)
  assert.deepEqual(receipt.outcome, outcome({ deleted: 4 }))
  await addTo(connection, request, 'receipt')
  assert.deepEqual((await world.producer.inspect(id, { org: world.org }))?.receipt, receipt)
})

test('a request with a field of it that protects records is left to it', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const { ledger, redis: connection, orders } = world.store
  const id = await submitIds(world, fresh(3), { dryRun: true })
  const key = ledger.keys.request(id)
  const json = (await connection.hget(key, 'request')) ?? ''
  const newer = JSON.parse(json)
  newer.source.type += '+tomorrow'
  await connection.hset(key, { request: JSON.stringify(newer) })
  const old = await world.startWorker()
  await failed(world, `p-${id}`)
  assert.equal(await connection.hget(key, 'status'), 'queued')
  await old.stop()
  // The newer worker understands it.
  await connection.hset(key, { request: json })
  await world.startWorker()
  await orders.plan(id, 'normal')
  assert.equal((await receiptOf(world, id)).plan?.accepted, 3)
})

describe('workers whose settings differ', { concurrency: true }, () => {
  const windowOf = (maxInFlight: number, { config, org }: World) => {
    const base = config.orgs.get(org)
    assert.ok(base)
    return { orgs: new Map([[org, { ...base, maxInFlight }]]) }
  }

  test('the last to start sets the window for all, and says what it changed', async (t) => {
    const changes: unknown[] = []
    const write = (line: string) => {
      const { setting, before, now } = JSON.parse(line)
      if (setting !== undefined) changes.push([setting, before, now])
    }
    const log = createLogger({ level: 'warn', destination: { write } })
    const world = await startWorld(t, {
      redis,
      clock: leapingClock(),
      org: { maxJobRecords: 5 },
      log,
    })
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', action: { do: 'hold', ms: 60 } })
    await world.startWorker(windowOf(4, world))
    await world.startWorker(windowOf(2, world))
    assert.deepEqual(changes, [['maxInFlight', 4, 2]])
    await receiptOf(world, await submitIds(world, fresh(60)))
    assert.equal(referee.stats().maxJobsUnseen, 2)
    await world.startWorker(windowOf(5, world))
    assert.deepEqual(changes.at(-1), ['maxInFlight', 2, 5])
    await receiptOf(world, await submitIds(world, fresh(150)))
    const { maxJobsUnseen } = referee.stats()
    assert.ok(maxJobsUnseen > 2 && maxJobsUnseen <= 5, `${maxJobsUnseen} at once`)
  })

  test('a smaller window than jobs at work: they end, and none begins before there is room', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock(), org: { maxJobRecords: 5 } })
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', times: 4, action: { do: 'hold' } })
    const first = await world.startWorker(windowOf(4, world))
    const id = await submitIds(world, fresh(40))
    await referee.until(({ jobsAtWork }) => jobsAtWork === 4)
    await world.startWorker(windowOf(2, world))
    await first.stop()
    faults.clear()
    // What was handed over is watched to its end, two at a time, before anything new is created.
    await referee.until(({ jobs }) => jobs.filter(isDone).length === 4)
    const receipt = await receiptOf(world, id)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 40 }))
    const { maxJobsUnseen, jobs, deletedTwice } = referee.stats()
    assert.deepEqual([maxJobsUnseen, jobs.filter(isDone).length, deletedTwice], [4, 8, 0])
    assert.equal(
      receipt.ingestJobs.every(({ attempt }) => attempt === 1),
      true,
    )
  })
})

const isDone = ({ state }: { state: string }) => state === 'JobComplete'

/** The job, once a worker has put it aside. */
async function delayed({ store }: World, queue: QueueName, id: string): Promise<Job> {
  for (;;) {
    const job = await (await store.queues())[queue].getJob(id)
    if ((await job?.isDelayed()) && job !== undefined) return job
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Once an attempt at the job has failed. */
async function failed({ store }: World, id: string): Promise<void> {
  for (;;) {
    const job = await (await store.queues()).requests.getJob(id)
    if (job === undefined || job.attemptsMade > 0) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** What a worker of the newer version gets to see. */
async function carriedOutByNewer(
  t: { after(fn: () => Promise<void>): void },
  { store }: World,
  queue: QueueName,
): Promise<unknown> {
  const connection = connectRedis({ kind: 'url', url: redis.url }, 'wait', () => {})
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const options = { connection, prefix: store.ledger.keys.prefix }
  const worker = new Worker(queue, async ({ data }) => resolve(data), options)
  t.after(async () => {
    await worker.close()
    connection.disconnect()
  })
  return promise
}

/** Puts one more field into a JSON that the ledger keeps. */
async function addTo(
  connection: World['store']['redis'],
  key: string,
  field: string,
): Promise<void> {
  const json: unknown = JSON.parse((await connection.hget(key, field)) ?? '')
  assert.ok(typeof json === 'object' && json !== null, field)
  await connection.hset(key, { [field]: JSON.stringify({ ...json, addedLater: { deep: [1] } }) })
}
