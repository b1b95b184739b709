import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openOrgStore } from '../../../src/shared/store/org-store.ts'
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
  waitingOf(queued, stopping, await readOrgState(store)).map(({ reason }) => reason)

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
  const held = waitingOf(queued, null, await readOrgState(store))
  assert.deepEqual(held.at(-1), {
    ...{ reason: 'fault', fault: 'outage', message: 'No route.', failures: 1 },
    ...{ since: '2026-11-23T22:00:00.000Z', nextTryAt: '2026-11-23T22:00:05.000Z' },
  })
})

test('a plan waits for approval alone, and a request that has ended for nothing', async () => {
  const state = await readOrgState(store)
  const parked = { ...queued, status: 'awaiting-approval' } as const
  assert.deepEqual(waitingOf(parked, null, state), [{ reason: 'approval' }])
  assert.equal(waitingOf(parked, 'declined', state).length, 2)
  assert.deepEqual(waitingOf({ ...queued, status: 'completed', receipt }, null, state), [])
})
