import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Job } from 'bullmq'
import { checkQuota } from '../../src/cli/doctor/store.ts'
import { createSalesforce } from '../../src/shared/salesforce/client.ts'
import { heldOrders } from '../../src/shared/store/booking.ts'
import { saveQuota } from '../../src/shared/store/quota.ts'
import { redisNow } from '../../src/shared/store/redis/server-clock.ts'
import { callBackHeld } from '../../src/worker/gate/governor.ts'
import { askForQuota } from '../../src/worker/upkeep/quota-watch.ts'
import { leapingClock } from '../helpers/clock.ts'
import { outcome, receiptOf, statusReached, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { context } from '../helpers/planning.ts'
import { poll } from '../helpers/poll.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld } from '../helpers/world.ts'

const redis = await startRedis({ after })
const DAY_MS = 24 * 3600_000

/** An org of 100 batches a day, of which this many are left, and workers that know it. */
async function startShort(t: { after(fn: () => Promise<void>): void }, left: number, workers = 1) {
  let ahead = 0
  const world = await startWorld(t, {
    redis,
    clock: leapingClock(),
    sandbox: { dailyBulkApiBatches: 100, now: () => Date.now() + ahead },
  })
  const { sandbox, store } = world
  const { url: loginUrl, clientId, clientSecret } = sandbox
  const credentials = { kind: 'client-credentials', loginUrl, clientId, clientSecret } as const
  const salesforce = createSalesforce({ credentials, apiVersion: '61.0', clock: leapingClock() })
  t.after(async () => salesforce.close())
  const ask = async () => {
    await store.redis.del(store.ledger.keys.quotaTurn)
    await askForQuota(store, salesforce, context())
  }
  sandbox.configure({ remainingBulkApiBatches: left })
  await ask()
  for (let nth = 0; nth < workers; nth++) await world.startWorker()
  return {
    world,
    /** What was used leaves the count. */
    roll: async () => {
      ahead += DAY_MS + 3600_000
      await ask()
    },
    held: (count: number) =>
      poll(async () => {
        const orders = await heldOrders(store.redis, store.ledger.keys, 100)
        const delayed = await (await store.queues())['ingest-jobs'].getDelayedCount()
        return orders.length === count && delayed === count ? orders : null
      }),
  }
}

test('with the quota nearly gone low waits and high goes, until the window rolls', async (t) => {
  const { world, held, roll } = await startShort(t, 5)
  const low = await submitIds(world, ids18(3, 0), { priority: 'low' })
  const normal = await submitIds(world, ids18(3, 3), { priority: 'normal' })
  const orders = await held(2)
  const high = await submitIds(world, ids18(3, 6), { priority: 'high' })
  assert.deepEqual((await receiptOf(world, high)).outcome, outcome({ deleted: 3 }))
  const [hold, other] = await checkQuota(world.store)
  assert.match(
    hold?.found ?? '',
    /^1 ingest job of priority normal waits until .*: \d+ of 100 bulk/,
  )
  assert.match(other?.found ?? '', /^1 ingest job of priority low waits until /)
  // They hold no place in the window, and have begun nothing.
  assert.equal(await (await world.store.queues())['ingest-jobs'].getActiveCount(), 0)
  for (const order of orders) {
    const key = world.store.ledger.keys.ingest(order)
    const [starts, checkpoint] = await world.store.redis.hmget(key, 'starts', 'checkpoint')
    // Null if no worker took it, because others were waiting.
    assert.deepEqual([Number(starts ?? 0), checkpoint], [0, null])
  }
  await roll()
  for (const id of [low, normal]) {
    assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 3 }))
  }
  assert.equal(world.sandbox.referee.stats().calls['create']?.received, 3)
  assert.deepEqual((await world.store.ledger.pauseState()).fault, null)
})

test('two workers together book no more than there is', async (t) => {
  const { world, held, roll } = await startShort(t, 12, 2)
  world.sandbox.faults.add({ on: 'job', times: 6, action: { do: 'hold' } })
  const ids = await Promise.all([0, 1, 2, 3, 4, 5].map((n) => submitIds(world, ids18(3, 3 * n))))
  await held(4)
  await world.sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 2)
  world.sandbox.faults.clear()
  await roll()
  for (const id of ids) assert.equal((await receiptOf(world, id)).status, 'completed')
  const { redis: client, ledger } = world.store
  await poll(async () => ((await client.hlen(ledger.keys.booked)) === 0 ? true : null))
  assert.equal(await client.hget(ledger.keys.quota, 'running:DailyBulkApiBatches'), '0')
})

test('a request that waits for quota can be cancelled', async (t) => {
  const { world, held } = await startShort(t, 5)
  const id = await submitIds(world, ids18(3))
  await held(1)
  await world.producer.cancel(id, { org: world.org })
  const receipt = await receiptOf(world, id)
  assert.equal(receipt.status, 'cancelled')
  assert.deepEqual(receipt.outcome, outcome({ unprocessed: 3 }))
  await callBackHeld(world.store)
  await held(0)
})

test('a request that waits for quota takes what another leaves that is cancelled before it is sent', async (t) => {
  const { world, held } = await startShort(t, 11)
  const { org, producer, sandbox, store } = world
  sandbox.faults.add({ on: 'create', times: 1000, action: { do: 'answer', status: 503 } })
  const first = await submitIds(world, ids18(3, 0), { coalesce: false })
  await poll(async () => ((await store.redis.hlen(store.ledger.keys.booked)) === 1 ? true : null))
  const second = await submitIds(world, ids18(3, 3), { coalesce: false })
  await held(1)
  await producer.cancel(first, { org })
  assert.equal((await receiptOf(world, first)).status, 'cancelled')
  sandbox.faults.clear()
  assert.deepEqual((await receiptOf(world, second)).outcome, outcome({ deleted: 3 }))
})

test('a request that waits for quota tries again once its priority changes', async (t) => {
  const { world, held } = await startShort(t, 15)
  const { org, producer, store } = world
  const ids = [await submitIds(world, ids18(3, 0), { priority: 'low' })]
  await held(1)
  ids.push(await submitIds(world, ids18(3, 3), { priority: 'low', coalesce: false }))
  await held(2)
  for (const id of ids) {
    // Nothing was reported since, and both would return only after minutes.
    await producer.setPriority(id, 'normal', { org })
    assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 3 }))
  }
  assert.deepEqual(await heldOrders(store.redis, store.ledger.keys, 100), [])
})

test('a request that waits for quota leaves no job in the queue of its former priority', async (t) => {
  const { world, held } = await startShort(t, 5)
  const { org, producer, store } = world
  const id = await submitIds(world, ids18(3), { priority: 'normal', coalesce: false })
  await held(1)
  await producer.setPriority(id, 'high', { org })
  assert.equal(await (await store.queues())['ingest-jobs'].count(), 0)
  assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 3 }))
})

test('an order that is called back while it is put aside tries again at once', async (t) => {
  const { world } = await startShort(t, 5)
  const { store } = world
  let puttingAside = 0
  const { moveToDelayed } = Job.prototype
  t.mock.method(
    Job.prototype,
    'moveToDelayed',
    async function (this: Job, at: number, token?: string) {
      if (puttingAside++ === 0) {
        const limits = { DailyBulkApiBatches: { max: 100, remaining: 100 } }
        const now = await redisNow(store.redis)
        await saveQuota(store.connection, store.ledger.keys, limits, now)
        // The job is not delayed yet, so this finds nothing to wake.
        await callBackHeld(store)
      }
      return moveToDelayed.call(this, at, token)
    },
  )
  const id = await submitIds(world, ids18(3), { priority: 'low' })
  assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 3 }))
  assert.equal(puttingAside, 1)
})

test('an order whose priority changes while it is put aside goes on in the other queue alone', async (t) => {
  const { world } = await startShort(t, 5)
  const { org, producer, store } = world
  const { moveToDelayed } = Job.prototype
  let id = ''
  t.mock.method(
    Job.prototype,
    'moveToDelayed',
    async function (this: Job, at: number, token?: string) {
      await producer.setPriority(id, 'high', { org })
      return moveToDelayed.call(this, at, token)
    },
  )
  id = await submitIds(world, ids18(3), { coalesce: false })
  assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 3 }))
  const { 'ingest-jobs': former } = await store.queues()
  await poll(async () => ((await former.count()) === 0 ? true : null))
})

test('a plan above the allowance says so while it waits for approval', async (t) => {
  const { world } = await startShort(t, 15, 0)
  const org = world.config.orgs.get(world.org) ?? assert.fail()
  await world.startWorker({ orgs: new Map([[world.org, { ...org, maxJobRecords: 1 }]]) })
  const id = await submitIds(world, ids18(8), { approval: 'required' })
  await statusReached(world, id, 'awaiting-approval')
  const view = await world.producer.inspect(id, { org: world.org })
  assert.deepEqual(view?.cost, { batches: 8, left: 15, free: 5, days: 1 })
})

test('of a request of many ingest jobs few wait outside its line', async (t) => {
  const { world, held, roll } = await startShort(t, 5, 0)
  const org = world.config.orgs.get(world.org) ?? assert.fail()
  await world.startWorker({ orgs: new Map([[world.org, { ...org, maxJobRecords: 1 }]]) })
  await submitIds(world, ids18(1, 100), { coalesce: false })
  await held(1)
  const id = await submitIds(world, ids18(20), { coalesce: false })
  await held(3)
  const { queues, redis: client, ledger } = world.store
  assert.equal(await (await queues())['ingest-jobs'].getWaitingCount(), 0)
  assert.equal(await client.zcard(ledger.keys.held), 3)
  await roll()
  assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 20 }))
})
