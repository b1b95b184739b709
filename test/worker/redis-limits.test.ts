import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { createLogger } from '../../src/shared/base/logger.ts'
import { parseRequest } from '../../src/shared/contract/request.ts'
import { submit } from '../../src/shared/store/intake/submit.ts'
import type { OrgStore } from '../../src/shared/store/org-store.ts'
import { openOrgStore } from '../../src/shared/store/org-store.ts'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import { attemptsSpent } from '../helpers/attempts.ts'
import { outcome, receiptOf, statusReached, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis, type TestRedisOptions } from '../helpers/redis.ts'
import { REFUSALS } from '../helpers/refusals.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld, type World, type WorldOptions } from '../helpers/world.ts'

/** A server of the test's own, a world on it, and what its workers log at `warn` and above. */
async function ownWorld(t: TestContext, options: Partial<WorldOptions> & TestRedisOptions = {}) {
  const scope = inReverse((close) => t.after(close))
  const redis = await startRedis(scope, { args: options.args ?? [] })
  const said: string[] = []
  const write = (line: string) => {
    const { msg } = JSON.parse(line)
    if (!String(msg).includes('append-only')) said.push(String(msg))
  }
  const destination = { write }
  const log = createLogger({ level: 'warn', destination })
  const world = await startWorld(scope, { redis, log, ...options })
  return { world, said, admin: world.store.redis, url: redis.url }
}

describe('under workers', { concurrency: true }, () => {
  for (const [code, { begin, end }] of Object.entries(REFUSALS)) {
    test(`${code}: work stops, is told of once, and goes on where it was`, async (t) => {
      const org = { maxJobRecords: 10, maxInFlight: 3 }
      const { world, said, admin } = await ownWorld(t, { org })
      const { referee, faults } = world.sandbox
      faults.add({ on: 'job', times: 3, action: { do: 'hold' } })
      const workers = [await world.startWorker(), await world.startWorker()]
      const id = await submitIds(world, ids18(60))
      await referee.until(({ jobsAtWork }) => jobsAtWork === 3)
      await begin(admin)
      while (said.length < workers.length) await pause()
      for (const worker of workers) while ((await worker.ready()) === null) await pause()
      await end(admin)
      faults.clear()

      const receipt = await receiptOf(world, id)
      assert.deepEqual(receipt.outcome, outcome({ deleted: 60 }))
      assert.deepEqual([...new Set(receipt.ingestJobs.map(({ attempt }) => attempt))], [1])
      assert.deepEqual(await attemptsSpent(world), [])
      const stats = referee.stats()
      assert.deepEqual(stats.violationCounts, {})
      assert.equal(stats.deletedTwice, 0)
      assert.ok(stats.maxJobsUnseen <= 3, `${stats.maxJobsUnseen} at once`)
      const told = said.filter((line) => line.startsWith('Redis '))
      assert.equal(told.length, workers.length, told.join('\n'))
    })
  }

  test('a full Redis is emptied by settling what has its outcomes, which needs no order', async (t) => {
    const { world, admin } = await ownWorld(t)
    await world.startWorker({ worker: { lockMs: 1000, stalledMs: 500, resendMs: 0 } })
    const id = await submitIds(world, ids18(10), { approval: 'required' })
    await statusReached(world, id, 'awaiting-approval')
    const { ledger, staging } = world.store
    await ledger.approve(id)
    const account = await accountFor(world, id)
    await REFUSALS.REDIS_FULL.begin(admin)
    await account()
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'completed')
    while ((await staging.lots()).length > 0) await pause()
    await REFUSALS.REDIS_FULL.end(admin)
    const next = await submitIds(world, ids18(10, 100))
    assert.deepEqual((await receiptOf(world, next)).outcome, outcome({ deleted: 10 }))
  })

  test('a nearly full Redis holds up planning, which is told once and goes on by itself', async (t) => {
    const { world, said, admin } = await ownWorld(t)
    await world.startWorker()
    // So much that what connections and scripts take for a moment does not matter.
    await admin.setbit('ballast', 8 * 50_000_000, 1)
    const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1])
    await admin.config('SET', 'maxmemory', Math.round(used / 0.8))
    const id = await submitIds(world, ids18(10))
    await statusReached(world, id, 'planning')
    while (said.length === 0) await pause()
    assert.equal((await world.store.ledger.load(id))?.status, 'planning')
    await admin.config('SET', 'maxmemory', 0)
    assert.equal((await receiptOf(world, id)).status, 'completed')
    assert.deepEqual(said, ['Redis is nearly full. Planning waits.'])
  })

  test('a request whose plan could not be ordered is accepted, and the sweep orders it', async (t) => {
    const { world, admin, url } = await ownWorld(t)
    const { store, org } = world
    const connection = connectRedis({ kind: 'url', url }, 'fail-fast', () => {})
    const caller = openOrgStore(connection, org, () => {})
    t.after(async () => {
      await caller.close()
      connection.disconnect()
    })
    const refused: string[] = []
    const plan: OrgStore['orders']['plan'] = async (...order) => {
      await REFUSALS.REDIS_FULL.begin(admin)
      try {
        await caller.orders.plan(...order)
      } catch (error) {
        refused.push(String(error))
        throw error
      } finally {
        await REFUSALS.REDIS_FULL.end(admin)
      }
    }
    const source = { type: 'ids', ids: ids18(5) }
    // With a deadline, the plan is ordered by a call of its own.
    const deadline = new Date(Date.now() + 3600_000).toISOString()
    const fields = { id: 'unordered', org, object: 'Contact', source, deadline }
    const request = parseRequest(fields, Date.now())
    const full = { ...caller, orders: { ...caller.orders, plan } }
    const { created } = await submit(full, request, Date.now())
    assert.equal(created, true)
    assert.match(refused.join(), /OOM/)
    assert.equal(
      await (await store.queues()).requests.getJobCountByTypes('prioritized', 'waiting'),
      0,
    )
    await world.startWorker()
    assert.deepEqual((await receiptOf(world, 'unordered')).outcome, outcome({ deleted: 5 }))
  })
})

const pause = () => new Promise((resolve) => setTimeout(resolve, 5))

/** A worker that has the last chunk of a request in hand, and dies once it has entered the outcome. */
async function accountFor({ store }: World, id: string): Promise<() => Promise<void>> {
  const { ledger, redis } = store
  const [order = ''] = (await ledger.openChunks(id)).values()
  const lock = { queue: 'ingest-jobs', jobId: order, token: 'dead' }
  await redis.set(ledger.keys.lock(lock), lock.token)
  const known = await ledger.ingestOrder(order)
  const [ref] = known?.order.chunks ?? []
  assert.ok(ref)
  const job = { id: '7505f000000000000', state: 'JobComplete', records: ref.count, attempt: 1 }
  const entry = { outcome: outcome({ deleted: ref.count }), failures: {}, job, error: null }
  return async () => {
    const recorded = await ledger.recordOutcome({
      order,
      outcomes: [{ ref, outcome: entry }],
      lock,
    })
    assert.equal(recorded.kind, 'ok')
  }
}
