import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { DeletionRequestInput } from '../../src/producer/producer.ts'
import type { FaultScript, RowRules } from '../../src/sandbox/sandbox.ts'
import { createSalesforce } from '../../src/shared/salesforce/client.ts'
import { assertAccount, cleared } from '../helpers/account.ts'
import { leapingClock } from '../helpers/clock.ts'
import { outcome, receiptOf, statusReached, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** The canary: of a large plan a small first chunk goes alone. */

const scope = inReverse(after)
const redis = await startRedis(scope)

const LARGE = 50_000
const jobsOf = ({ sandbox }: World) => sandbox.referee.stats().jobs
const rowsOf = (world: World) => jobsOf(world).map(({ rows }) => rows)
const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

/** A file of so many ids, submitted. */
async function submitLarge(
  world: World,
  fields: Partial<DeletionRequestInput> = {},
  count = LARGE,
) {
  const path = join(world.folder, 'large.csv')
  await writeFile(path, `${ids18(count).join('\n')}\n`)
  const { request } = await world.producer.submit({
    ...{ org: world.org, object: 'Contact', source: { type: 'file', path }, onUnchecked: 'accept' },
    ...fields,
  })
  return request.id
}

describe('a plan of more than twenty thousand ids', () => {
  test('goes on after a hundredth that was deleted', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    await world.startWorker()
    const receipt = await receiptOf(world, await submitLarge(world))
    assert.deepEqual(receipt.outcome, outcome({ deleted: LARGE }))
    assert.deepEqual(rowsOf(world), [500, LARGE - 500])
    assert.equal(receipt.plan?.chunks, 2)
    assertAlone(world, 1)
    await assertAccount(world, ids18(LARGE), receipt)
    await cleared(world, receipt.id)
  })

  test('stops after a hundredth of which more failed than may', async (t) => {
    const rows: RowRules = { rules: [{ code: 'DELETE_FAILED', ratio: 0.6 }] }
    const world = await startWorld(t, { redis, clock: leapingClock(), sandbox: { rows } })
    await world.startWorker()
    const id = await submitLarge(world, { maxFailureRatio: 0.1 })
    const receipt = await receiptOf(world, id)
    assert.deepEqual([receipt.status, receipt.error?.code], ['incomplete', 'TOO_MANY_FAILURES'])
    assert.match(receipt.error?.message ?? '', /^\d{3} of 500 ids of the canary were not deleted/)
    assert.equal(receipt.outcome?.unprocessed, LARGE - 500)
    assert.deepEqual(rowsOf(world), [500])
    await assertAccount(world, ids18(LARGE), receipt)
    await cleared(world, id)
  })

  test('goes on where all of it was gone before', async (t) => {
    const rows: RowRules = { rules: [{ code: 'ENTITY_IS_DELETED' }] }
    const world = await startWorld(t, { redis, clock: leapingClock(), sandbox: { rows } })
    await world.startWorker()
    const receipt = await receiptOf(world, await submitLarge(world))
    assert.deepEqual([receipt.status, receipt.error], ['completed', null])
    assert.deepEqual(receipt.outcome, outcome({ alreadyGone: LARGE }))
  })

  test('is stopped where the canary went well and the rest does not', async (t) => {
    const rows: RowRules = { rules: [{ code: 'DELETE_FAILED', ids: ids18(LARGE).slice(500) }] }
    const sandbox = { rows, rowsPerSecond: 20_000, queueDelayMs: 0 }
    const world = await startWorld(t, { redis, clock: leapingClock(), sandbox })
    await world.startWorker()
    const receipt = await receiptOf(world, await submitLarge(world))
    assert.deepEqual([receipt.status, receipt.error?.code], ['incomplete', 'TOO_MANY_FAILURES'])
    assert.deepEqual(
      receipt.ingestJobs.map(({ state, records }) => [state, records]),
      [
        ['JobComplete', 500],
        ['Aborted', LARGE - 500],
      ],
    )
    await assertAccount(world, ids18(LARGE), receipt)
    await cleared(world, receipt.id)
  })

  test('waits for approval, and then for its canary', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock(), org: { canary: 1000 } })
    await world.startWorker()
    const id = await submitLarge(world, { approval: 'required' })
    await statusReached(world, id, 'awaiting-approval')
    const record = await world.store.ledger.load(id)
    assert.deepEqual([record?.canary, record?.plan?.chunks], [500, 2])
    assert.deepEqual(rowsOf(world), [])
    await world.producer.approve(id, { org: world.org })
    assert.equal((await receiptOf(world, id)).status, 'completed')
    assert.deepEqual(rowsOf(world), [500, LARGE - 500])
    assertAlone(world, 1)
  })

  test('has no canary where the org wants none, nor has a smaller one', async (t) => {
    for (const [canary, count] of [
      [0, 20_001],
      [10_000, 20_000],
    ] as const) {
      const world = await startWorld(t, { redis, clock: leapingClock(), org: { canary } })
      await world.startWorker()
      assert.equal((await receiptOf(world, await submitLarge(world, {}, count))).plan?.chunks, 1)
      assert.deepEqual(rowsOf(world), [count])
    }
  })
})

/** A plan of a canary and three other chunks that awaits approval: such a plan need not be large. */
async function parked(
  t: Parameters<typeof startWorld>[0],
  sandbox: { faults?: readonly FaultScript[]; rows?: RowRules },
) {
  const world = await startWorld(t, {
    ...{ redis, clock: leapingClock(), org: { maxJobRecords: 10 } },
    sandbox: { queueDelayMs: 0, ...sandbox },
  })
  const worker = await world.startWorker()
  const id = await submitIds(world, ids18(40), { approval: 'required' })
  await statusReached(world, id, 'awaiting-approval')
  await world.store.redis.hset(world.store.ledger.keys.request(id), 'canary', 10)
  return { world, worker, id, ids: ids18(40) }
}

describe('while a canary is at work', () => {
  test('nothing else is sent, whoever approves, sweeps, dies or takes over', async (t) => {
    const faults = [{ on: 'job', nth: 1, action: { do: 'hold' } }] as const
    const { world, worker, id, ids } = await parked(t, { faults })
    const { referee } = world.sandbox
    await world.producer.approve(id, { org: world.org })
    const { jobs } = await referee.until(({ jobsAtWork }) => jobsAtWork === 1)
    await world.producer.approve(id, { org: world.org })
    await sweepOnce(world)
    assert.equal(await waiting(world), 0)
    await worker.stop()
    // The orders of the dead are lost, too.
    await (await world.store.queues())['ingest-jobs'].obliterate({ force: true })
    await world.store.redis.del(world.store.ledger.keys.sweeper)
    await world.startWorker()
    await sweepOnce(world)
    const { received = 0 } = referee.stats().calls['get'] ?? {}
    await referee.until(({ calls }) => (calls['get']?.received ?? 0) > received)
    assert.equal(await waiting(world), 0)
    assert.equal(referee.stats().jobs.length, 1)
    await abort(world, jobs[0]?.id ?? '')
    const receipt = await receiptOf(world, id)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 40 }))
    await assertAccount(world, ids, receipt)
    assertAlone(world, 2)
    await cleared(world, id)
  })

  test('rows of it that go again hold the others back as well', async (t) => {
    const rows = { rules: [{ code: 'UNABLE_TO_LOCK_ROW', ids: ids18(6), times: 2 }] }
    const { world, id, ids } = await parked(t, { rows })
    await world.producer.approve(id, { org: world.org })
    const receipt = await receiptOf(world, id)
    await assertAccount(world, ids, receipt)
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(
      jobsOf(world).map(({ rows: sent }) => sent),
      [10, 6, 6, 10, 10, 10],
    )
    assertAlone(world, 3)
  })

  test('a job of it that vanishes holds the others back until another has run', async (t) => {
    const faults = [{ on: 'job', nth: 1, action: { do: 'vanish' } }] as const
    const { world, id, ids } = await parked(t, { faults })
    await world.producer.approve(id, { org: world.org })
    const receipt = await receiptOf(world, id)
    await assertAccount(world, ids, receipt)
    assert.equal(receipt.status, 'completed')
    assertAlone(world, 2)
  })

  test('it has passed once too few rows of it are left to change that', async (t) => {
    const rows = { rules: [{ code: 'UNABLE_TO_LOCK_ROW', ids: ids18(5), times: 4 }] }
    const { world, id, ids } = await parked(t, { rows })
    await world.producer.approve(id, { org: world.org })
    const receipt = await receiptOf(world, id)
    await assertAccount(world, ids, receipt)
    assertAlone(world, 1)
    const [, ...later] = jobsOf(world)
    const again = later.filter(({ rows: sent }) => sent === 5)
    assert.equal(again.length, 4)
    const others = later.filter(({ rows: sent }) => sent === 10)
    assert.ok(others.some(({ createdAt }) => createdAt < (again.at(-1)?.createdAt ?? 0)))
  })

  test('of which nothing could be sent holds the others back for good', async (t) => {
    const faults = [1, 2, 3, 4, 5].map((nth) => ({
      ...{ on: 'job' as const, nth, action: { do: 'fail' as const, code: 'Unknown' as const } },
    }))
    const { world, id, ids } = await parked(t, { faults })
    await world.producer.approve(id, { org: world.org })
    const receipt = await receiptOf(world, id)
    await assertAccount(world, ids, receipt)
    assert.deepEqual(receipt.outcome, outcome({ unprocessed: 40 }))
    assert.deepEqual([receipt.status, receipt.error?.code], ['incomplete', 'TOO_MANY_FAILURES'])
    assert.deepEqual(rowsOf(world), [10, 10, 10, 10, 10])
    await cleared(world, id)
  })
})

/** The first jobs ran one after the other, and all others began after the last of these. */
function assertAlone(world: World, count: number): void {
  const jobs = jobsOf(world)
  for (const [index, job] of jobs.slice(0, count).entries()) {
    const next = jobs.slice(index + 1)
    for (const { createdAt } of next) assert.ok(createdAt >= (job.finishedAt ?? job.createdAt))
  }
}

/** Resolves once a sweep has begun after this call and another after it: so the first is over. */
async function sweepOnce({ store }: World): Promise<void> {
  for (let sweeps = 0; sweeps < 2; sweeps++) {
    await store.redis.del(store.ledger.keys.sweeper)
    while ((await store.redis.exists(store.ledger.keys.sweeper)) === 0) await turn()
  }
}

/** Ingest jobs that are ordered and that nobody has. */
const waiting = async ({ store }: World) =>
  (await store.queues())['ingest-jobs'].getJobCountByTypes('waiting', 'prioritized', 'delayed')

/** Somebody aborts a job by hand. */
async function abort({ config, org }: World, jobId: string): Promise<void> {
  const credentials = config.orgs.get(org)?.credentials
  assert.ok(credentials)
  const salesforce = createSalesforce({ credentials, apiVersion: '61.0', proxyEnv: {} })
  await salesforce.ingest.abort(jobId)
  salesforce.close()
}
