import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createMetrics, type Metrics } from '../../src/shared/telemetry/metrics/metrics.ts'
import { leapingClock } from '../helpers/clock.ts'
import { deleteIds, outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld } from '../helpers/world.ts'

const redis = await startRedis({ after })

const WINDOW = 6
const CHUNKS = 40

test('workers share the ingest jobs of one request, come and go, and nothing is lost', async (t) => {
  const org = { maxJobRecords: 25, maxInFlight: WINDOW }
  const world = await startWorld(t, { redis, clock: leapingClock(), org })
  const { referee, faults } = world.sandbox
  faults.add({ on: 'job', action: { do: 'hold', ms: 40 } })
  const registries = [0, 1, 2].map(() => createMetrics({ version: 'test' }))
  const start = (index: number) => {
    const metrics = registries[index]
    assert.ok(metrics)
    return world.startWorker({}, { metrics })
  }
  const first = await start(0)
  await start(1)
  const id = await submitIds(world, ids18(25 * CHUNKS))

  await referee.until(({ jobs }) => jobs.filter(isDone).length >= 10)
  await start(2)
  await referee.until(
    ({ jobs, jobsAtWork }) =>
      (jobs.length >= 20 && jobsAtWork > 2) || jobs.filter(isDone).length === CHUNKS,
  )
  await first.stop()
  assert.equal(first.orgs.get(world.org)?.active, 0)

  const receipt = await receiptOf(world, id)
  assert.equal(receipt.status, 'completed')
  assert.deepEqual(receipt.outcome, outcome({ deleted: 25 * CHUNKS }))
  assert.equal(receipt.ingestJobs.length, CHUNKS)
  // Under load the last one may be too late for any of these.
  let chunks = CHUNKS
  while ((await endedBy(registries))[2] === 0) {
    await deleteIds(world, ids18(25 * WINDOW, 25 * chunks))
    chunks += WINDOW
  }
  const ended = await endedBy(registries)
  assert.ok(
    ended.every((jobs) => jobs > 0),
    `ingest jobs ended by each worker: ${ended}`,
  )
  assert.equal(sum(ended), chunks)
  const deleted = await Promise.all(registries.map((metrics) => count(metrics, 'records_total')))
  assert.equal(sum(deleted), 25 * chunks)
  const requests = async () =>
    sum(await Promise.all(registries.map((metrics) => count(metrics, 'requests_total'))))
  const expected = 1 + (chunks - CHUNKS) / WINDOW
  // A request is counted once its receipt is a fact, so a moment after it can be read.
  while ((await requests()) < expected) await delay(5)
  assert.equal(await requests(), expected)

  const stats = referee.stats()
  assert.ok(stats.maxJobsUnseen <= WINDOW, `${stats.maxJobsUnseen} at once`)
  assert.ok(stats.maxJobsAtWork >= WINDOW - 1, `only ${stats.maxJobsAtWork} at once`)
  assert.deepEqual(stats.violationCounts, {})
  assert.equal(stats.deletedTwice, 0)
  assert.equal(stats.jobs.filter(({ state }) => state === 'JobComplete').length, chunks)
})

test('a worker that stops in the middle of everything hands over what it has at its checkpoint', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock(), org: { maxJobRecords: 5 } })
  const { referee, faults } = world.sandbox
  faults.add({ on: 'job', nth: [1, 2, 3], action: { do: 'hold' } })
  faults.add({ on: 'create', nth: 4, action: { do: 'stall', when: 'after' } })
  faults.add({ on: 'upload', nth: 4, action: { do: 'stall', when: 'after' } })
  const metrics = createMetrics({ version: 'test' })
  const first = await world.startWorker({}, { metrics })
  const id = await submitIds(world, ids18(25, 2000))
  await referee.until(
    ({ calls, jobsAtWork }) =>
      jobsAtWork === 3 &&
      (calls['create']?.received ?? 0) === 5 &&
      (calls['upload']?.received ?? 0) === 4,
  )
  assert.equal(first.orgs.get(world.org)?.active, 5)
  await first.stop()
  const queue = (await world.store.queues())['ingest-jobs']
  assert.equal(await queue.getActiveCount(), 0)
  assert.equal(await queue.getWaitingCount(), 5)
  faults.clear()

  await world.startWorker()
  const receipt = await receiptOf(world, id)
  assert.deepEqual(receipt.outcome, outcome({ deleted: 25 }))
  // The upload in doubt was thrown away, and of the create in doubt an empty job is left.
  const states = referee.stats().jobs.map(({ state }) => state)
  assert.equal(states.filter((state) => state === 'JobComplete').length, 5)
  assert.deepEqual(states.filter((state) => state !== 'JobComplete').sort(), ['Aborted', 'Open'])
  assert.equal(referee.stats().deletedTwice, 0)
  assert.equal(await count(metrics, 'ingest_jobs_total'), 0)
})

const endedBy = (registries: readonly Metrics[]) =>
  Promise.all(registries.map((metrics) => count(metrics, 'ingest_jobs_total')))

const isDone = ({ state }: { state: string }) => state === 'JobComplete'
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/** The sum over all labels of a counter. */
async function count({ registry }: Metrics, name: string): Promise<number> {
  const metric = await registry.getSingleMetric(`expunge_${name}`)?.get()
  return sum(metric?.values.map(({ value }) => value) ?? [])
}
