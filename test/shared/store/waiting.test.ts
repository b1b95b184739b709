import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openOrgStore } from '../../../src/shared/store/org-store.ts'
import { placesOf, readLines } from '../../../src/shared/store/places.ts'
import { runSign, workerSign } from '../../../src/shared/store/presence.ts'
import { connectRedis } from '../../../src/shared/store/redis/redis.ts'
import { readOrgState, waitingOf } from '../../../src/shared/store/waiting.ts'
import { receipt, request } from '../../cli/render/fixtures.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'

const scope = inReverse(after)
const { url } = await startRedis(scope)
const client = connectRedis({ kind: 'url', url }, 'wait', () => {})
scope.after(async () => client.disconnect())
const store = openOrgStore(client, `waiting-${process.pid}`, () => {})
scope.after(() => store.close())

const queued = { request, status: 'queued', receipt: null } as const

const reasons = async (stopping: 'cancelled' | null = null) =>
  waitingOf(queued, stopping, await readOrgState(store), null).map(({ reason }) => reason)

test('a request waits for a worker, or for a run of its own', async () => {
  assert.deepEqual(await reasons(), ['no-worker'])
  const worker = workerSign(store, 'w1')
  await worker.give()
  assert.deepEqual(await reasons(), [])
  await worker.takeBack()
  const other = runSign(store, 'another')
  await other.give()
  assert.deepEqual(await reasons(), ['no-worker'])
  await other.takeBack()
  const own = runSign(store, request.id.toUpperCase())
  await own.give()
  assert.deepEqual(await reasons(), [])
  await own.takeBack()
})

test('pauses hold it, but an operator does not hold a cancellation', async () => {
  await store.ledger.pause(true)
  const fault = { reason: 'outage', message: 'No route.', afterMs: 0 } as const
  await store.ledger.raiseFault({ ...fault, by: 'j1', now: Date.parse('2026-11-23T22:00:00Z') })
  assert.deepEqual(await reasons(), ['no-worker', 'paused', 'fault'])
  assert.deepEqual(await reasons('cancelled'), ['no-worker', 'fault'])
  const held = waitingOf(queued, null, await readOrgState(store), null)
  assert.deepEqual(held.at(-1), {
    ...{ reason: 'fault', fault: 'outage', message: 'No route.', failures: 1 },
    ...{ since: '2026-11-23T22:00:00.000Z', nextTryAt: '2026-11-23T22:00:05.000Z' },
  })
})

test('a plan waits for approval alone, and a request that has ended for nothing', async () => {
  const state = await readOrgState(store)
  const parked = { ...queued, status: 'awaiting-approval' } as const
  assert.deepEqual(waitingOf(parked, null, state, null), [{ reason: 'approval' }])
  assert.equal(waitingOf(parked, 'declined', state, null).length, 2)
  assert.deepEqual(waitingOf({ ...queued, status: 'completed', receipt }, null, state, null), [])
})

test('what holds a request alone comes after what holds its org', async () => {
  const state = await readOrgState(store)
  const free = { ...state, workers: 1, pause: { operator: null, fault: null } }
  const own = { reason: 'gathering', until: '2026-11-23T22:00:00.000Z' } as const
  assert.deepEqual(waitingOf(queued, null, free, own), [own])
  const reasonsAt = (more: object) =>
    waitingOf(queued, null, { ...free, ...more }, own).map(({ reason }) => reason)
  assert.deepEqual(reasonsAt({ pause: state.pause }), ['paused', 'fault', 'gathering'])
  assert.deepEqual(reasonsAt({ workers: 0 }), ['no-worker'])
  assert.deepEqual(reasonsAt({ workers: 0, runs: new Set([request.id]) }), [])
  assert.deepEqual(waitingOf(queued, 'cancelled', free, own), [])
})

test('a run waits for quota like a worker', async () => {
  const state = await readOrgState(store)
  const allowance = 'DailyBulkApiBatches'
  const own = { reason: 'quota', allowance, left: 0, max: 100, ahead: 0, until: null } as const
  const atWork = { workers: 0, pause: { operator: null, fault: null }, runs: new Set([request.id]) }
  assert.deepEqual(waitingOf(queued, null, { ...state, ...atWork }, own), [own])
})

test('the line is read from the queues, whatever its length', async () => {
  const other = openOrgStore(client, `places-${process.pid}`, () => {})
  const { keys } = other.ledger
  const deleting = { request: { ...request, priority: 'normal' }, status: 'deleting' } as const
  const seek = async (orders: readonly string[], of: Parameters<typeof placesOf>[1] = deleting) =>
    placesOf({ redis: client, keys }, of, orders, await readLines(client, keys))
  const aheadOf = async (...orders: string[]) => (await seek(orders))?.ahead
  try {
    for (const order of ['a.0.1', 'b.0.1', 'a.1.1', 'c.0.1', 'c.1.1']) {
      await other.orders.ingest(order, 'normal')
    }
    await client.lpush(keys.jobs('ingest-jobs', 'active'), 'big.0.1', 'shared-1', 'big.1.1')
    // No worker has set how many may run.
    assert.equal(await seek(['c.0.1']), null)
    await (await other.queues())['ingest-jobs'].setGlobalConcurrency(3)
    assert.deepEqual(await seek(['c.0.1']), {
      ...{ reason: 'places', work: 'ingest', taken: 3, limit: 3, ahead: 3 },
      heldBy: [{ id: 'big', places: 2 }],
    })
    assert.equal(await aheadOf('c.1.1', 'c.0.1', 'c.2.1'), 3)
    assert.equal(await aheadOf('a.1.1', 'a.0.1'), 0)
    assert.equal(await seek(['big.0.1', 'a.0.1']), null)
    assert.equal(await seek(['y.0.1']), null)
    assert.equal(await seek([]), null)
    await (await other.queues())['ingest-jobs'].setGlobalConcurrency(4)
    // A worker is about to take one.
    assert.equal(await seek(['a.0.1']), null)
    await other.orders.plan('First', 'normal')
    await other.orders.plan(request.id, 'normal')
    const isQueued = { ...deleting, status: 'queued' } as const
    await client.lpush(keys.jobs('requests', 'active'), 's-done')
    assert.equal(await seek([], isQueued), null)
    await client.lpush(keys.jobs('requests', 'active'), 'p-big')
    assert.deepEqual(await seek([], isQueued), {
      ...{ reason: 'places', work: 'plan', taken: 1, limit: null, ahead: 1, heldBy: [] },
    })
  } finally {
    await other.close()
  }
})
