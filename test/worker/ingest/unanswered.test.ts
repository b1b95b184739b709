import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { CallAction, RefereeStats } from '../../../src/sandbox/sandbox.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { outcome, receiptOf, submitIds } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld, type World } from '../../helpers/world.ts'

/** Jobs of which Salesforce never says again what becomes of them: they do not wait for ever. */

const scope = inReverse(after)
const redis = await startRedis(scope)

/** Of the day that passes, so much passes at once: an hour of polls tells as much as 24. */
const MOST_OF_A_DAY_MS = 23 * 3600_000

const page: CallAction = { do: 'answer', status: 200, body: 'html' }

/** A request whose first ingest job runs until it is aborted. */
async function heldUp(t: { after(fn: () => Promise<void>): void }) {
  const clock = leapingClock()
  const world = await startWorld(t, { redis, clock })
  const { faults, referee } = world.sandbox
  faults.add({ on: 'job', nth: 1, action: { do: 'hold' } })
  await world.startWorker()
  const id = await submitIds(world, ids18(5))
  const { jobs } = await referee.until(({ jobsAtWork }) => jobsAtWork === 1)
  const job = jobs[0]?.id ?? assert.fail()
  return { world, clock, faults, id, job }
}

/** A call that fails is repeated so often before its step has failed, and time begins to count. */
const TRIES = 4

/** Resolves once a step has failed by such calls. */
async function fails({ sandbox: { referee } }: World, call: 'get' | 'failedResults') {
  const received = ({ calls }: RefereeStats) => calls[call]?.received ?? 0
  const before = received(referee.stats())
  await referee.until((stats) => received(stats) > before + TRIES)
}

describe('a running job', { concurrency: true }, () => {
  test('of which only pages come for a day is aborted, and its rows go again', async (t) => {
    const { world, clock, faults, id, job } = await heldUp(t)
    faults.add({ on: 'get', job, action: page })
    await fails(world, 'get')
    clock.leap(MOST_OF_A_DAY_MS)
    await world.sandbox.referee.until(({ calls }) => (calls['abort']?.received ?? 0) > 0)
    await fails(world, 'get')
    clock.leap(MOST_OF_A_DAY_MS)
    const receipt = await receiptOf(world, id)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 5 }))
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(
      receipt.ingestJobs.map(({ state, attempt }) => [state, attempt]),
      [
        ['Abandoned', 1],
        ['JobComplete', 2],
      ],
    )
    const { jobs, jobsAtWork } = world.sandbox.referee.stats()
    assert.deepEqual([jobs[0]?.state, jobsAtWork], ['Aborted', 0])
  })

  test('that says that it runs, an hour after it was aborted, is given up', async (t) => {
    const { world, faults, id, job } = await heldUp(t)
    const told = { id: job, object: 'Contact', operation: 'delete', state: 'Aborted' }
    faults.add({
      ...{ on: 'abort', job },
      action: {
        ...{ do: 'answer', status: 200, contentType: 'application/json' },
        text: JSON.stringify(told),
      },
    })
    await world.store.ledger.pause(true)
    await world.sandbox.referee.until(({ calls }) => (calls['abort']?.received ?? 0) > 1)
    await world.store.ledger.resume()
    const receipt = await receiptOf(world, id)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 5 }))
    assert.deepEqual(
      receipt.ingestJobs.map(({ state, attempt }) => [state, attempt]),
      [
        ['Abandoned', 1],
        ['JobComplete', 2],
      ],
    )
  })

  test('that once said that it was complete is followed to its end', async (t) => {
    const { world, faults, id, job } = await heldUp(t)
    faults.add({
      ...{ on: 'get', job, times: 1 },
      action: { do: 'lie', set: { state: 'JobComplete' }, omit: ['numberRecordsFailed'] },
    })
    // An operator ends it, once it has been looked at again.
    const looks = ({ calls }: { calls: Record<string, { received: number } | undefined> }) =>
      calls['get']?.received ?? 0
    const before = looks(world.sandbox.referee.stats())
    await world.sandbox.referee.until((stats) => looks(stats) > before + 2)
    const { ledger } = world.store
    await ledger.pause(true)
    await world.sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 0)
    await ledger.resume()
    const receipt = await receiptOf(world, id)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 5 }))
    assert.equal(receipt.error, null)
    assert.deepEqual(
      receipt.ingestJobs.map(({ state }) => state),
      ['Aborted', 'JobComplete'],
    )
  })
})

test('a job whose results are pages for a day is given up, and its rows go again', async (t) => {
  const clock = leapingClock()
  const world = await startWorld(t, {
    ...{ redis, clock },
    sandbox: { rows: { rules: [{ code: 'DELETE_FAILED', ids: ids18(1) }] } },
  })
  const { faults, referee } = world.sandbox
  const held = faults.add({ on: 'job', nth: 1, action: { do: 'hold' } })
  await world.startWorker()
  const id = await submitIds(world, ids18(5))
  const { jobs } = await referee.until(({ jobsAtWork }) => jobsAtWork === 1)
  faults.add({ on: 'failedResults', job: jobs[0]?.id, action: page })
  faults.remove(held.id)
  await fails(world, 'failedResults')
  clock.leap(MOST_OF_A_DAY_MS)
  const receipt = await receiptOf(world, id)
  assert.deepEqual(receipt.outcome, outcome({ deleted: 4, failed: 1 }))
  assert.deepEqual(
    receipt.ingestJobs.map(({ state }) => state),
    ['Abandoned', 'JobComplete'],
  )
})
