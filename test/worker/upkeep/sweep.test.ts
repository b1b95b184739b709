import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { codeOf } from '../../../src/shared/base/errors.ts'
import { NO_OUTCOME } from '../../../src/shared/contract/receipt.ts'
import { createSalesforce } from '../../../src/shared/salesforce/client.ts'
import { QUEUES } from '../../../src/shared/store/queues/queues.ts'
import { createStaging } from '../../../src/shared/store/staging/staging.ts'
import { MOST_PER_TURN } from '../../../src/worker/upkeep/rounds.ts'
import { sweep } from '../../../src/worker/upkeep/sweep.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { deleteIds, outcome, receiptOf, statusReached, submitIds } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { context, plannerDeps } from '../../helpers/planning.ts'
import { startRedis } from '../../helpers/redis.ts'
import { startWorld, type World } from '../../helpers/world.ts'

const redis = await startRedis({ after })

let used = 0
function fresh(count: number): string[] {
  used += count
  return ids18(count, used - count)
}

test('whatever job was lost, every request reaches its end', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const { ledger } = world.store
  const planner = await world.startWorker()
  const parked = await Promise.all(
    Array.from({ length: 4 }, () => submitIds(world, fresh(10), { approval: 'required' })),
  )
  for (const id of parked) await statusReached(world, id, 'awaiting-approval')
  await planner.stop()

  const [approved = '', accounted = '', declined = '', waiting = ''] = parked
  const queued = await submitIds(world, fresh(10))
  const planning = await submitIds(world, fresh(10))
  await beginPlanning(world, planning)
  await ledger.approve(approved)
  await ledger.approve(accounted)
  await accountFor(world, accounted)
  await ledger.cancel(declined, 'cancelled')
  for (const queue of QUEUES) await (await world.store.queues())[queue].obliterate({ force: true })
  await world.store.redis.del(ledger.keys.sweeper)

  await world.startWorker()
  const all = outcome({ deleted: 10 })
  assert.deepEqual((await receiptOf(world, queued)).outcome, all)
  assert.deepEqual((await receiptOf(world, planning)).outcome, all)
  assert.deepEqual((await receiptOf(world, approved)).outcome, all)
  assert.equal((await receiptOf(world, accounted)).status, 'incomplete')
  assert.equal((await receiptOf(world, declined)).status, 'cancelled')
  assert.equal((await ledger.load(waiting))?.status, 'awaiting-approval')
  assert.deepEqual(await ledger.liveIds(), [waiting])
})

test('jobs that vanish while workers run are ordered again', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock(), org: { maxJobRecords: 5 } })
  await world.startWorker({ worker: { lockMs: 1000, stalledMs: 1000, resendMs: 0 } })
  const queue = (await world.store.queues())['ingest-jobs']
  world.sandbox.faults.add({ on: 'job', times: 10, action: { do: 'hold' } })
  const id = await submitIds(world, fresh(100))
  const { jobs } = await world.sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 10)
  await queue.drain()
  await world.store.redis.del(world.store.ledger.keys.sweeper)
  for (const job of jobs) await abort(world, job.id)
  assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 100 }))
})

test('frames that nobody will read are dropped, those of live requests are not', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const { store } = world
  await world.startWorker({ worker: { lockMs: 1000, stalledMs: 1000, resendMs: 0 } })
  const ended = await deleteIds(world, fresh(3))
  const parked = await submitIds(world, fresh(3), { approval: 'required' })
  await statusReached(world, parked, 'awaiting-approval')
  const frames = async (request: string, lot: string, minutesAgo: number) => {
    const then = () => Date.now() - minutesAgo * 60_000
    const writer = createStaging(store.connection, store.ledger.keys, then).write(
      { request, lot },
      0,
    )
    await writer.write(Buffer.from('003000000000001'))
    await writer.end()
  }
  await frames(ended.id, 'p-dead', 11)
  await frames(ended.id, 'u-again', 0)
  await frames(parked, 'p-dead', 11)
  await frames('never-entered', 'u-dead', 11)
  await frames('on-its-way', 'u-new', 9)
  await store.redis.del(store.ledger.keys.sweeper)

  const record = await store.ledger.load(parked)
  const expected = [`${parked}:${record?.lot}`, 'on-its-way:u-new', `${ended.id}:u-again`]
  const lots = async () =>
    (await store.staging.lots()).map(({ request, lot }) => `${request}:${lot}`)
  while ((await lots()).length > expected.length) await pause()
  assert.deepEqual((await lots()).sort(), expected.sort())
  const keys = await keysOf(world)
  assert.equal(keys.filter((key) => key.startsWith('frames:')).length, 3)
})

test('once everything has settled, Redis holds records and tombstones and nothing else', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock(), org: { maxJobRecords: 5 } })
  world.sandbox.setRows({ rules: [{ code: 'DELETE_FAILED', ids: ids18(2, 9000) }] })
  const worker = await world.startWorker({ planHours: 0 })
  const ids = await Promise.all([
    submitIds(world, ids18(30, 9000)),
    submitIds(world, [...fresh(20), 'nonsense']),
    submitIds(world, fresh(20), { dryRun: true }),
    submitIds(world, fresh(20), { priority: 'high' }),
    submitIds(world, []),
  ])
  for (const id of ids) await receiptOf(world, id)
  await worker.stop()
  const kinds = new Set(
    (await keysOf(world)).map((key) => key.replace(/^(request|folders|tombstone):.*/, '$1:*')),
  )
  const bullmq = QUEUES.flatMap((queue) => ['events', 'meta'].map((key) => `${queue}:${key}`))
  const own = [
    ...[
      'request:*',
      'requests',
      'folders:*',
      'tombstone:*',
      'identity',
      'settings',
      'sweeper',
      'quota',
    ],
  ]
  for (const kind of kinds) {
    assert.ok(
      [...own, ...bullmq].includes(kind) || /:(marker|stalled-check|pc|id)$/.test(kind),
      kind,
    )
  }
  const { redis: connection, ledger } = world.store
  assert.ok((await connection.ttl(ledger.keys.request(ids[0] ?? ''))) > 0)
})

test('a request that this version cannot read keeps no other from its end', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const { ledger, redis: connection } = world.store
  // Among so many the sweep meets one before the request that waits for it.
  for (let n = 0; n < 20; n++) {
    const id = `newer-${n}`
    await connection.hset(ledger.keys.request(id), { status: 'levitating' })
    await connection.zadd(ledger.keys.live, 0, id)
  }
  const id = await submitIds(world, fresh(3))
  await (await world.store.queues()).requests.obliterate({ force: true })
  await world.startWorker()
  assert.equal((await receiptOf(world, id)).status, 'completed')
})

test('behind more requests than a turn sweeps, a lost order is found in the next turn', async (t) => {
  const world = await startWorld(t, { redis })
  const { ledger, redis: connection, queues } = world.store
  const others = Array.from({ length: MOST_PER_TURN }, (_, n) => [n, `other-${n}`] as const)
  await connection.zadd(ledger.keys.live, ...others.flat())
  await submitIds(world, fresh(3))
  await (await queues()).requests.obliterate({ force: true })
  const deps = { ...(await plannerDeps(world)), intervalMs: 60_000 }
  const turn = async () => {
    await connection.del(ledger.keys.sweeper)
    await sweep(deps, context())
    return (await queues()).requests.getPrioritizedCount()
  }
  assert.equal(await turn(), 0)
  assert.equal(await turn(), 1)
  assert.equal(await connection.exists(ledger.keys.rounds), 0)
})

test('quota that a dead worker booked for an order that has ended is given back', async (t) => {
  const world = await startWorld(t, { redis })
  const { ledger, redis: connection, bookings } = world.store
  const cost = { DailyApiRequests: 5, DailyBulkApiBatches: 1 }
  const reserve = { DailyApiRequests: 20, DailyBulkApiBatches: 10 }
  await bookings.book({ order: 'ended.0.1', priority: 'normal', cost, reserve })
  const running = () => connection.hget(ledger.keys.quota, 'running:DailyApiRequests')
  assert.equal(await running(), '5')
  await sweep({ ...(await plannerDeps(world)), intervalMs: 1 }, context())
  assert.equal(await connection.exists(ledger.keys.booked), 0)
  assert.equal(await running(), '0')
})

test('the list holds every request whose record is there, and no other', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const { ledger, redis: connection } = world.store
  const ended = await submitIds(world, fresh(3))
  const parked = await submitIds(world, fresh(3), { approval: 'required' })
  await world.startWorker()
  await receiptOf(world, ended)
  await statusReached(world, parked, 'awaiting-approval')
  await connection.del(ledger.keys.request(ended))
  for (const id of [ended, parked]) await connection.zadd(ledger.keys.requests, '1', id)
  await connection.del(ledger.keys.sweeper)
  while ((await connection.zscore(ledger.keys.requests, ended)) !== null) await pause()
  assert.deepEqual(await connection.zrevrange(ledger.keys.requests, 0, -1), [parked])
})

const pause = () => new Promise((resolve) => setTimeout(resolve, 5))

/** A worker that died while it planned. */
async function beginPlanning({ store }: World, id: string): Promise<void> {
  const lock = { queue: 'requests', jobId: `p-${id}`, token: 'dead' }
  await store.redis.set(store.ledger.keys.lock(lock), lock.token)
  assert.equal((await store.ledger.beginPlanning({ id, lot: 'p-dead', lock })).kind, 'begun')
}

/** A worker that died between the last outcome and the order to settle. */
async function accountFor({ store }: World, id: string): Promise<void> {
  const { ledger, redis } = store
  const [order = ''] = (await ledger.openChunks(id)).values()
  const lock = { queue: 'ingest-jobs', jobId: order, token: 'dead' }
  await redis.set(ledger.keys.lock(lock), lock.token)
  const known = await ledger.ingestOrder(order)
  const [ref] = known?.order.chunks ?? []
  assert.ok(ref)
  const outcomes = [
    {
      ref,
      outcome: {
        outcome: { ...NO_OUTCOME, deleted: 9, unprocessed: 1 },
        failures: {},
        job: { id: '7505f000000000000', state: 'JobComplete', records: 10, attempt: 1 },
        error: null,
      },
    },
  ]
  await ledger.recordOutcome({ order, outcomes, lock })
}

/** Somebody aborts a job by hand, or finds that it was aborted: hours pass here in a moment. */
async function abort({ config, org }: World, jobId: string): Promise<void> {
  const credentials = config.orgs.get(org)?.credentials
  assert.ok(credentials)
  const salesforce = createSalesforce({ credentials, apiVersion: '61.0', proxyEnv: {} })
  await salesforce.ingest.abort(jobId).catch((error) => {
    if (codeOf(error) !== 'INVALIDJOBSTATE') throw error
  })
  salesforce.close()
}

/** Keys of the org, without its tag. */
async function keysOf({ store }: World): Promise<string[]> {
  const { prefix } = store.ledger.keys
  const keys = await store.redis.keys(`${prefix}:*`)
  return keys.map((key) => key.slice(prefix.length + 1)).sort()
}
