import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { orderDue } from '../../src/shared/store/org-store.ts'
import { isRunAtWork } from '../../src/shared/store/presence.ts'
import { takeJobs } from '../../src/worker/org/own-jobs.ts'
import { outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** A worker that is there for one request, as `run` is: to all others it is as if it were not. */

const redis = await startRedis({ after })

/** All that Redis holds of a request and its plan's order. */
async function footprint({ store }: World, id: string) {
  const { keys } = store.ledger
  const jobId = `p-${id}`
  return Promise.all([
    store.redis.hgetall(keys.request(id)),
    store.redis.hgetall(keys.job('requests', jobId)),
    store.redis.zscore(keys.jobs('requests', 'prioritized'), jobId),
    store.redis.exists(keys.lock({ queue: 'requests', jobId })),
  ])
}

describe('a worker for one request', () => {
  test('does that one, and leaves all others and their line as they are', async (t) => {
    const world = await startWorld(t, { redis })
    const others = ['first', 'second', 'third']
    await submitIds(world, ids18(5), { id: 'first', priority: 'high' })
    await submitIds(world, ids18(5, 100), { id: 'own', priority: 'low' })
    await submitIds(world, ids18(5, 200), { id: 'second' })
    await submitIds(world, ids18(5, 300), { id: 'third', priority: 'low' })
    const before = await Promise.all(others.map((id) => footprint(world, id)))
    await world.startWorker({}, { only: 'OWN' })
    const receipt = await receiptOf(world, 'own')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 5 }))
    assert.deepEqual(await Promise.all(others.map((id) => footprint(world, id))), before)
    assert.equal(world.sandbox.referee.stats().rowsReceived, 5)
  })

  test('touches neither deadline nor end nor callback of another', async (t) => {
    const world = await startWorld(t, { redis })
    const { ledger, redis: client } = world.store
    const deadline = new Date(Date.now() - 1000).toISOString()
    await submitIds(world, ids18(2), { id: 'late', deadline })
    await submitIds(world, ids18(2), { id: 'told', callbackUrl: 'https://example.com/' })
    await submitIds(world, ids18(2), { id: 'ended' })
    await ledger.cancel('ended', 'cancelled')
    await submitIds(world, ids18(2, 50), { id: 'own' })
    const told = await client.lrange(ledger.keys.outbox, 0, -1)
    const worker = await world.startWorker({}, { only: 'own' })
    await receiptOf(world, 'own')
    // The sweep that comes at once has ended by then.
    await worker.stop()
    for (const id of ['late', 'told', 'ended']) {
      assert.equal((await ledger.load(id))?.status, 'queued', id)
    }
    assert.deepEqual(await ledger.stopReasons(['late']), [null])
    assert.deepEqual(await client.lrange(ledger.keys.outbox, 0, -1), told)
    assert.equal(await client.exists(ledger.keys.sweeper), 0)
    assert.equal(await client.exists(ledger.keys.workers), 0)
  })

  test('leaves no sign of itself in Redis where it dies, nor of others that did', async (t) => {
    const world = await startWorld(t, { redis })
    const { ledger, redis: client } = world.store
    await client.zadd(ledger.keys.runs, 1, 'killed')
    await world.startWorker({}, { only: 'own' })
    // Whoever asks for a run forgets the dead as well: here nobody asks.
    const signs = () => client.zrange(ledger.keys.runs, '0', '-1')
    while (!(await signs()).includes('own')) await delay(5)
    while ((await signs()).length > 1) await delay(5)
    const left = await client.pttl(ledger.keys.runs)
    assert.ok(left > 0 && left <= 15_000, `${left} ms`)
  })

  test('shows that it is at work, and no longer once it has stopped', async (t) => {
    const world = await startWorld(t, { redis })
    const worker = await world.startWorker({}, { only: 'Own' })
    while (!(await isRunAtWork(world.store, 'oWN'))) await delay(5)
    assert.equal(await isRunAtWork(world.store, 'other'), false)
    await worker.stop()
    assert.equal(await isRunAtWork(world.store, 'own'), false)
  })

  test('works beside others, and no row is sent twice', async (t) => {
    const world = await startWorld(t, { redis, org: { maxJobRecords: 20 } })
    await submitIds(world, ids18(400), { id: 'own' })
    await submitIds(world, ids18(100, 1000), { id: 'other' })
    await Promise.all([world.startWorker({}, { only: 'own' }), world.startWorker()])
    const receipts = await Promise.all([receiptOf(world, 'own'), receiptOf(world, 'other')])
    assert.deepEqual(
      receipts.map((receipt) => receipt.outcome?.deleted),
      [400, 100],
    )
    const { rowsReceived, deletedTwice, violations } = world.sandbox.referee.stats()
    assert.deepEqual([rowsReceived, deletedTwice, violations], [500, 0, []])
  })

  test('takes up what a killed one has left locked, once the lock has lapsed', async (t) => {
    const world = await startWorld(t, { redis })
    await submitIds(world, ids18(5), { id: 'own' })
    const entry = {
      queue: 'requests',
      token: 'killed',
      lockMs: 200,
      most: 1,
      ids: ['p-own'],
    } as const
    assert.deepEqual(await takeJobs(world.store, entry), [{ id: 'p-own', wasLeft: false }])
    assert.deepEqual(await takeJobs(world.store, { ...entry, token: 'thief' }), [])
    const worker = await world.startWorker({}, { only: 'own' })
    assert.equal((await receiptOf(world, 'own')).status, 'completed')
    await worker.stop()
    assert.equal(await (await world.store.queues()).requests.getActiveCount(), 0)
  })

  test('hands over when it stops, and a worker for all goes on', async (t) => {
    const HELD = { on: 'job', action: { do: 'hold' } } as const
    const world = await startWorld(t, { redis, sandbox: { faults: [HELD] } })
    await submitIds(world, ids18(30), { id: 'own' })
    const own = await world.startWorker({}, { only: 'own' })
    await world.sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 1)
    await own.stop()
    world.sandbox.faults.clear()
    await world.startWorker()
    assert.deepEqual((await receiptOf(world, 'own')).outcome, outcome({ deleted: 30 }))
    assert.equal(world.sandbox.referee.stats().jobs.length, 1)
  })

  test('changes no setting that others share, and sets what nobody has', async (t) => {
    const world = await startWorld(t, { redis, org: { maxInFlight: 3 } })
    const { ledger, queues, redis: client } = world.store
    const own = await world.startWorker({}, { only: 'x' })
    assert.equal(await (await queues())['ingest-jobs'].getGlobalConcurrency(), 3)
    await own.stop()
    await client.hset(ledger.keys.settings, { maxInFlight: 7, lockMs: 9000 })
    await (await queues())['ingest-jobs'].setGlobalConcurrency(7)
    await world.startWorker({}, { only: 'x' })
    assert.equal(await (await queues())['ingest-jobs'].getGlobalConcurrency(), 7)
    const { maxInFlight, lockMs } = await client.hgetall(ledger.keys.settings)
    assert.deepEqual([maxInFlight, lockMs], ['7', '9000'])
  })
})

describe('named jobs are taken', () => {
  async function deleting(world: World) {
    await submitIds(world, ids18(3), { id: 'own' })
    const { queues } = world.store
    const take = (ids: readonly string[], most = 10) =>
      takeJobs(world.store, { queue: 'requests', token: 'me', lockMs: 5000, most, ids })
    return { queue: (await queues()).requests, take }
  }

  test('only within the window and while the queue is not paused', async (t) => {
    const { queue, take } = await deleting(await startWorld(t, { redis }))
    await queue.pause()
    assert.deepEqual(await take(['p-own']), [])
    await queue.resume()
    await queue.setGlobalConcurrency(1)
    await queue.add('settle', { v: 1, step: 'settle', id: 'own' }, { jobId: 's-own', priority: 1 })
    assert.deepEqual(await take(['s-own', 'p-own']), [{ id: 's-own', wasLeft: false }])
    assert.deepEqual(await take(['p-own']), [])
    const job = await queue.getJob('s-own')
    await job?.moveToCompleted(null, 'me', false)
    assert.deepEqual(await take(['p-own']), [{ id: 'p-own', wasLeft: false }])
  })

  test('where they are due, and not before', async (t) => {
    const { queue, take } = await deleting(await startWorld(t, { redis }))
    const data = { v: 1, step: 'settle', id: 'own' }
    await queue.add('settle', data, { jobId: 'd-own', delay: 3600_000 })
    await queue.add('settle', data, { jobId: 'c-own', delay: 1 })
    await delay(5)
    assert.deepEqual(await take(['d-own', 'c-own']), [{ id: 'c-own', wasLeft: false }])
    assert.equal(await queue.getDelayedCount(), 1)
  })

  test('no more than are asked for, and names without a job are passed over', async (t) => {
    const world = await startWorld(t, { redis })
    const { take } = await deleting(world)
    await orderDue(world.store, 'own')
    assert.deepEqual(await take(['s-own', 'c-own', 'p-own'], 0), [])
    assert.deepEqual(await take(['s-own', 'c-own', 'p-own'], 1), [{ id: 'p-own', wasLeft: false }])
  })
})
