import assert from 'node:assert/strict'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { FaultScript, RowRules } from '../../src/sandbox/sandbox.ts'
import { createSalesforce } from '../../src/shared/salesforce/client.ts'
import { assertAccount, cleared } from '../helpers/account.ts'
import { hurried } from '../helpers/clock.ts'
import { outcome, receiptOf, statusReached, submitIds } from '../helpers/deletion.ts'
import { id15, ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** The canary: of a large plan a small first chunk goes alone. */

const scope = inReverse(after)
const redis = await startRedis(scope)

const LARGE = 1_000_001
const jobsOf = ({ sandbox }: World) => sandbox.referee.stats().jobs
const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

/** A file of so many ids, of 15 characters each. */
async function largeFile(world: World): Promise<string> {
  const path = join(world.folder, 'large.csv')
  await using file = await open(path, 'w')
  // Numbers that differ in their last three digits only: the rest of the text is made once.
  const block = 62 ** 3
  for (let from = 0; from < LARGE; from += block) {
    const count = Math.min(block, LARGE - from)
    const head = id15(from).slice(0, 12)
    const lines = TAILS.slice(0, count).map((tail) => head + tail)
    await file.appendFile(`${lines.join('\n')}\n`)
  }
  return path
}
const TAILS = Array.from({ length: 62 ** 3 }, (_, n) => id15(n).slice(12))

async function submitLarge(world: World, fields: { approval?: 'required' } = {}) {
  const path = await largeFile(world)
  const { request } = await world.producer.submit({
    ...{ org: world.org, object: 'Contact', source: { type: 'file', path }, onUnchecked: 'accept' },
    ...fields,
  })
  return request.id
}

describe('a plan of more than a million ids', () => {
  const org = { maxRecords: 2_000_000, maxJobRecords: 600_000 }

  test('goes on after ten thousand that were deleted', async (t) => {
    const world = await startWorld(t, { redis, clock: hurried, org })
    await world.startWorker()
    const receipt = await receiptOf(world, await submitLarge(world))
    assert.deepEqual(receipt.outcome, outcome({ deleted: LARGE }))
    const [canary, ...others] = jobsOf(world)
    assert.deepEqual(
      [canary?.rows, ...others.map(({ rows }) => rows).sort()],
      [...[10_000, 390_001, 600_000]],
    )
    for (const other of others) assert.ok(other.createdAt >= (canary?.finishedAt ?? Infinity))
  })

  test('stops after ten thousand of which most were not', async (t) => {
    const rows: RowRules = { rules: [{ code: 'DELETE_FAILED', ratio: 0.9 }] }
    const world = await startWorld(t, { redis, clock: hurried, org, sandbox: { rows } })
    await world.startWorker()
    const receipt = await receiptOf(world, await submitLarge(world))
    assert.deepEqual([receipt.status, receipt.error?.code], ['incomplete', 'TOO_MANY_FAILURES'])
    assert.equal(receipt.outcome?.unprocessed, LARGE - 10_000)
    assert.deepEqual(
      jobsOf(world).map(({ rows: sent }) => sent),
      [10_000],
    )
  })

  test('has no canary where the org wants none', async (t) => {
    const world = await startWorld(t, { redis, clock: hurried, org: { ...org, canary: 0 } })
    await world.startWorker()
    const id = await submitLarge(world, { approval: 'required' })
    await statusReached(world, id, 'awaiting-approval')
    const record = await world.store.ledger.load(id)
    assert.deepEqual([record?.canary, record?.plan?.chunks], [false, 2])
  })
})

/** A plan of a canary and three other chunks that awaits approval: such a plan need not be large. */
async function parked(
  t: Parameters<typeof startWorld>[0],
  sandbox: { faults?: readonly FaultScript[]; rows?: RowRules },
  count = 40,
) {
  const world = await startWorld(t, {
    ...{ redis, clock: hurried, org: { maxJobRecords: count / 4 } },
    sandbox: { queueDelayMs: 0, ...sandbox },
  })
  const worker = await world.startWorker()
  const id = await submitIds(world, ids18(count), { approval: 'required' })
  await statusReached(world, id, 'awaiting-approval')
  await world.store.redis.hset(world.store.ledger.keys.request(id), 'canary', '1')
  return { world, worker, id, ids: ids18(count) }
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
    await world.store.queues['ingest-jobs'].obliterate({ force: true })
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
    const rows = { rules: [{ code: 'UNABLE_TO_LOCK_ROW', ids: ids18(3), times: 2 }] }
    const { world, id, ids } = await parked(t, { rows })
    await world.producer.approve(id, { org: world.org })
    const receipt = await receiptOf(world, id)
    await assertAccount(world, ids, receipt)
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(
      jobsOf(world).map(({ rows: sent }) => sent),
      [10, 3, 3, 10, 10, 10],
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

  test('a thousand verdicts are enough, though rows of it go again', async (t) => {
    const rows = { rules: [{ code: 'UNABLE_TO_LOCK_ROW', ids: ids18(3), times: 4 }] }
    const { world, id, ids } = await parked(t, { rows }, 4400)
    await world.producer.approve(id, { org: world.org })
    const receipt = await receiptOf(world, id)
    await assertAccount(world, ids, receipt)
    assertAlone(world, 1)
    const [, ...later] = jobsOf(world)
    const again = later.filter(({ rows: sent }) => sent === 3)
    assert.equal(again.length, 4)
    const others = later.filter(({ rows: sent }) => sent === 1100)
    assert.ok(others.some(({ createdAt }) => createdAt < (again.at(-1)?.createdAt ?? 0)))
  })

  test('its end is enough, though nothing of it could be sent', async (t) => {
    const faults = [1, 2, 3, 4, 5].map((nth) => ({
      ...{ on: 'job' as const, nth, action: { do: 'fail' as const, code: 'Unknown' as const } },
    }))
    const { world, id, ids } = await parked(t, { faults })
    await world.producer.approve(id, { org: world.org })
    const receipt = await receiptOf(world, id)
    await assertAccount(world, ids, receipt)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 30, unprocessed: 10 }))
    assertAlone(world, 5)
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
const waiting = ({ store }: World) =>
  store.queues['ingest-jobs'].getJobCountByTypes('waiting', 'prioritized', 'delayed')

/** Somebody aborts a job by hand. */
async function abort({ config, org }: World, jobId: string): Promise<void> {
  const credentials = config.orgs.get(org)?.credentials
  assert.ok(credentials)
  const salesforce = createSalesforce({ credentials, apiVersion: '61.0', proxyEnv: {} })
  await salesforce.ingest.abort(jobId)
  salesforce.close()
}
