import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { closedJobs } from '../helpers/account.ts'
import { leapingClock } from '../helpers/clock.ts'
import { deleteIds, outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld, type World } from '../helpers/world.ts'

const redis = await startRedis({ after })

let used = 0
function fresh(count: number): string[] {
  used += count
  return ids18(count, used - count)
}

test('an urgent request passes a purge whose ingest jobs take hours, in a window of its own', async (t) => {
  const org = { maxJobRecords: 10, maxInFlight: 3, urgentInFlight: 2 }
  const world = await startWorld(t, { redis, clock: leapingClock(), org })
  const { referee, faults } = world.sandbox
  faults.add({ on: 'job', times: 3, action: { do: 'hold' } })
  await world.startWorker()
  await world.startWorker()
  const purge = await submitIds(world, fresh(500), { priority: 'low' })
  await referee.until(({ jobsAtWork }) => jobsAtWork === 3)
  const urgent = await deleteIds(world, fresh(25), { priority: 'high' })
  assert.deepEqual(urgent.outcome, outcome({ deleted: 25 }))
  assert.equal(urgent.ingestJobs.length, 3)
  assert.ok(referee.stats().maxJobsUnseen <= 5, `${referee.stats().maxJobsUnseen} at once`)
  assert.equal((await world.store.ledger.openChunks(purge)).size, 50)
  await world.producer.cancel(purge, { org: world.org })
  assert.equal((await receiptOf(world, purge)).status, 'cancelled')
})

test('over two workers ingest jobs go by priority, and by age within it', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock(), org: { maxInFlight: 1 } })
  const { referee } = world.sandbox
  // The one slot is taken, and its job begins only once all the others wait.
  await world.store.ledger.pause(false)
  await world.startWorker()
  await world.startWorker()
  const first = await submitIds(world, fresh(5), { priority: 'low' })
  while ((await (await world.store.queues())['ingest-jobs'].getActiveCount()) === 0) await delay(10)
  const submitted: { id: string; priority: string }[] = []
  for (const priority of ['low', 'normal', 'low', 'normal', 'normal'] as const) {
    const id = await submitIds(world, fresh(5), { priority })
    await ordered(world, id)
    submitted.push({ id, priority })
  }
  await world.store.ledger.resume()
  const of = (priority: string) => submitted.filter((one) => one.priority === priority)
  const expected = [first, ...[...of('normal'), ...of('low')].map(({ id }) => id)]
  const jobs = await Promise.all(expected.map((id) => onlyJobOf(world, id)))
  assert.deepEqual(jobs, closedIds(world))
  assert.equal(referee.stats().maxJobsUnseen, 1)
})

test('what a stopping worker hands over goes on before anything else', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock(), org: { maxInFlight: 1 } })
  const { referee, faults } = world.sandbox
  faults.add({ on: 'job', nth: 1, action: { do: 'hold' } })
  const first = await world.startWorker()
  const low = await submitIds(world, fresh(5), { priority: 'low' })
  await referee.until(({ jobsAtWork }) => jobsAtWork === 1)
  const normal = await submitIds(world, fresh(5))
  await ordered(world, normal)
  await first.stop()
  faults.clear()
  await world.startWorker()
  const jobs = await Promise.all([low, normal].map((id) => onlyJobOf(world, id)))
  assert.deepEqual(jobs, closedIds(world))
  // Otherwise the window would have been overrun.
  assert.equal(referee.stats().maxJobsUnseen, 1)
})

/** Resolves once the request waits for its turn. */
async function ordered({ store }: World, id: string): Promise<void> {
  const jobOf = async () => {
    const [order = ''] = (await store.ledger.openChunks(id)).values()
    return (await store.queues())['ingest-jobs'].getJob(order)
  }
  while ((await jobOf()) === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
}

const closedIds = (world: World): readonly string[] => closedJobs(world).map(({ id }) => id)

async function onlyJobOf(world: World, id: string): Promise<string | undefined> {
  const { ingestJobs } = await receiptOf(world, id)
  assert.equal(ingestJobs.length, 1)
  return ingestJobs[0]?.id
}

test('a long purge holds up neither a small request after it nor that of another caller', async (t) => {
  const org = { maxJobRecords: 10, maxInFlight: 1 }
  const world = await startWorld(t, { redis, clock: leapingClock(), org })
  await world.store.ledger.pause(false)
  await world.startWorker()
  const submit = async (ids: readonly string[], submittedBy: string) => {
    const source = { type: 'ids', ids: [...ids] } as const
    const asked = { org: world.org, object: 'Contact', source, coalesce: false }
    const { request } = await world.producer.submit(asked, undefined, { submittedBy })
    await ordered(world, request.id)
    return request.id
  }
  await submit(fresh(300), 'crm')
  const own = await submit(fresh(20), 'crm')
  const other = await submit(fresh(20), 'erp')
  await world.store.ledger.resume()
  const jobs = await Promise.all([own, other].map((id) => jobsOf(world, id)))
  const places = jobs.map((ids) => ids.map((id) => closedIds(world).indexOf(id)))
  const [ofOwn = [], ofOther = []] = places
  assert.ok(Math.max(...ofOther) < 3 * 3, `${ofOther}`)
  assert.ok(Math.max(...ofOwn) < 4 * 3, `${ofOwn}`)
})

async function jobsOf(world: World, id: string): Promise<readonly string[]> {
  return (await receiptOf(world, id)).ingestJobs.map((job) => job.id)
}

test('a request that waits goes first once its priority is high, and nothing is sent twice', async (t) => {
  const org = { maxJobRecords: 10, maxInFlight: 1, urgentInFlight: 1 }
  const world = await startWorld(t, { redis, clock: leapingClock(), org })
  const { producer, sandbox } = world
  sandbox.faults.add({ on: 'job', nth: 1, action: { do: 'hold' } })
  await world.startWorker()
  const purge = await submitIds(world, fresh(10), { priority: 'low' })
  await sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 1)
  const id = await submitIds(world, fresh(50), { priority: 'low' })
  await ordered(world, id)
  for (const priority of ['normal', 'high', 'high'] as const) {
    await producer.setPriority(id, priority, { org: world.org })
  }
  const receipt = await receiptOf(world, id)
  assert.deepEqual(receipt.outcome, outcome({ deleted: 50 }))
  assert.equal(receipt.ingestJobs.length, 5)
  assert.equal((await producer.inspect(id, { org: world.org }))?.request.priority, 'high')
  assert.equal(sandbox.referee.stats().jobsAtWork, 1)
  await assert.rejects(producer.setPriority(id, 'low', { org: world.org }), {
    code: 'ALREADY_OVER',
  })
  await assert.rejects(producer.setPriority('none', 'low', { org: world.org }), {
    code: 'UNKNOWN_REQUEST',
  })
  await world.producer.cancel(purge, { org: world.org })
  await receiptOf(world, purge)
})

test('the priority of a request changes before its plan, and while it gathers', async (t) => {
  const world = await startWorld(t, { redis })
  const { org, producer, store } = world
  const queued = await submitIds(world, fresh(3), { priority: 'low' })
  await producer.setPriority(queued, 'normal', { org })
  assert.equal((await (await store.queues()).requests.getJob(`p-${queued}`))?.priority, 10)
  await world.startWorker()
  await receiptOf(world, queued)
  const sharing = { coalesceBelow: 2000, coalesceWaitMs: 3_600_000, coalesceHighWaitMs: 0 }
  await store.redis.hset(store.ledger.keys.settings, sharing)
  const id = await submitIds(world, fresh(3))
  const gathers = async () =>
    (await store.redis.zrange(store.ledger.keys.gathers, '0', '-1')).join()
  while (!(await gathers()).endsWith(':normal')) await delay(5)
  await producer.setPriority(id, 'high', { org })
  assert.equal(await gathers().then((groups) => groups.includes(':normal')), false)
  assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 3 }))
})
