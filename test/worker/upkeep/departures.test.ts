import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Config } from '../../../src/shared/config/config.ts'
import { orderDue } from '../../../src/shared/store/org-store.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { outcome, receiptOf, statusReached, submitIds } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { planByHand, plannerDeps } from '../../helpers/planning.ts'
import { poll } from '../../helpers/poll.ts'
import { startRedis } from '../../helpers/redis.ts'
import { startWorld, type World } from '../../helpers/world.ts'

const redis = await startRedis({ after })

const SOON: Config['coalesce'] = { below: 2000, fill: 10_000, waitMs: 50, highWaitMs: 50 }
const LATER: Config['coalesce'] = { ...SOON, waitMs: 3_600_000, highWaitMs: 3_600_000 }
const SET = { object: 'Contact', operation: 'delete', priority: 'normal' } as const

let used = 0
function fresh(count: number): string[] {
  used += count
  return ids18(count, used - count)
}

async function submitMany(world: World, count: number, ids: number): Promise<readonly string[]> {
  return Promise.all(Array.from({ length: count }, () => submitIds(world, fresh(ids))))
}

async function jobsOf(world: World, requests: readonly string[]): Promise<ReadonlySet<string>> {
  const receipts = await Promise.all(requests.map((id) => receiptOf(world, id)))
  for (const receipt of receipts) {
    assert.deepEqual(receipt.outcome, outcome({ deleted: receipt.plan?.accepted ?? 0 }))
  }
  return new Set(receipts.flatMap(({ ingestJobs }) => ingestJobs.map(({ id }) => id)))
}

/** Plans without a worker that lets a set depart. */
async function planned(world: World, count: number): Promise<readonly string[]> {
  const { coalesceBelow, ...rest } = settingsOf(LATER)
  await world.store.redis.hset(world.store.ledger.keys.settings, { coalesceBelow, ...rest })
  const requests = await submitMany(world, count, 10)
  const deps = await plannerDeps(world)
  for (const id of requests) await planByHand(world, id, deps)
  return requests
}

const settingsOf = ({ below, fill, waitMs, highWaitMs }: Config['coalesce']) => ({
  ...{ coalesceBelow: below, coalesceFill: fill },
  ...{ coalesceWaitMs: waitMs, coalesceHighWaitMs: highWaitMs },
})

test('small requests share ingest jobs as soon as these are full', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  await world.startWorker({ coalesce: { ...LATER, fill: 200 } })
  const requests = await submitMany(world, 60, 10)
  assert.equal((await jobsOf(world, requests)).size, 3)
})

test('a small request departs once it has waited, in a job of its own if nobody came', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  await world.startWorker({ coalesce: SOON })
  const requests = [await submitIds(world, fresh(10))]
  assert.equal((await jobsOf(world, requests)).size, 1)
})

test('rows of many small requests that are locked are retried in one job', async (t) => {
  const rows = { rules: [{ code: 'UNABLE_TO_LOCK_ROW', times: 1 }] }
  const world = await startWorld(t, { redis, clock: leapingClock(), sandbox: { rows } })
  await world.startWorker({ coalesce: { ...SOON, waitMs: 500, fill: 200 } })
  const requests = await submitMany(world, 20, 10)
  const jobs = await jobsOf(world, requests)
  // Two, unless joining takes longer than they wait.
  assert.ok(jobs.size <= 10, String(jobs.size))
})

test('requests that gathered depart although all who joined them have died', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const requests = await planned(world, 3)
  assert.equal(await (await world.store.queues())['ingest-jobs'].count(), 0)
  await world.startWorker({ coalesce: SOON })
  // The set still has the time of the old settings.
  await world.store.redis.zadd(world.store.ledger.keys.gathers, 0, 'Contact:delete:normal')
  assert.equal((await jobsOf(world, requests)).size, 1)
})

test('a departed order that nobody sent is sent by the sweep', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const { ledger, redis: client } = world.store
  const requests = await planned(world, 3)
  await client.hset(ledger.keys.settings, { coalesceWaitMs: 0 })
  assert.equal((await ledger.depart(SET)).kind, 'departed')
  assert.equal(await (await world.store.queues())['ingest-jobs'].count(), 0)
  await world.startWorker({ coalesce: LATER })
  assert.equal((await jobsOf(world, requests)).size, 1)
})

test('a request cancelled while it gathers leaves its set, and the others go on', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const { ledger } = world.store
  await world.startWorker({ coalesce: LATER })
  const requests = await submitMany(world, 2, 10)
  const [first = '', second = ''] = requests
  for (const id of requests) await statusReached(world, id, 'deleting')
  await poll(async () => ((await ledger.gathersUntil(SET, `${second}.0.1`)) === null ? null : true))
  await poll(async () => ((await ledger.gathersUntil(SET, `${first}.0.1`)) === null ? null : true))
  await world.producer.cancel(first, { org: world.org })
  const receipt = await receiptOf(world, first)
  assert.equal(receipt.status, 'cancelled')
  assert.deepEqual(receipt.outcome, outcome({ unprocessed: 10 }))
  assert.equal(await ledger.gathersUntil(SET, `${first}.0.1`), null)
  assert.notEqual(await ledger.gathersUntil(SET, `${second}.0.1`), null)
})

test('what asks to travel alone, and what is approved again, does not gather twice', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const { ledger, queues } = world.store
  const [id = ''] = await planned(world, 1)
  for (let again = 0; again < 3; again++) await orderDue(world.store, id)
  assert.equal(
    await world.store.redis.hget(ledger.keys.gatherIds('Contact:delete:normal'), 'sum'),
    '10',
  )
  const alone = await submitIds(world, fresh(10), { coalesce: false })
  await planByHand(world, alone, await plannerDeps(world))
  assert.equal(await (await queues())['ingest-jobs'].count(), 1)
})
