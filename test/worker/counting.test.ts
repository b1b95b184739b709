import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { createSalesforce, type Salesforce } from '../../src/shared/salesforce/client.ts'
import { createMetrics, type Metrics } from '../../src/shared/telemetry/metrics/metrics.ts'
import { settleRequest } from '../../src/worker/end/settle.ts'
import { QuotaGovernor } from '../../src/worker/gate/governor.ts'
import { OrgGate } from '../../src/worker/gate/org-gate.ts'
import { StopWatch } from '../../src/worker/gate/stop-watch.ts'
import { Peers } from '../../src/worker/ingest/peers.ts'
import { processIngestJob } from '../../src/worker/ingest/processor.ts'
import { cleared, counted } from '../helpers/account.ts'
import { leapingClock } from '../helpers/clock.ts'
import { deleteIds, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { context, planByHand, plannerDeps } from '../helpers/planning.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld, type World } from '../helpers/world.ts'

const redis = await startRedis({ after })

/** What all workers together have counted. */
async function inAll(workers: readonly Metrics[], name: string, label: string) {
  const sum: Record<string, number> = {}
  for (const metrics of workers) {
    for (const [key, count] of Object.entries(await counted(metrics, name, label))) {
      sum[key] = (sum[key] ?? 0) + count
    }
  }
  return sum
}

/**
 * A worker that plans the request and carries its ingest job through, until it dies over a step.
 *
 * @returns what it had counted by then
 */
async function deadWorker(t: TestContext, world: World, id: string, step: Dying): Promise<Metrics> {
  const { org, store } = world
  const metrics = createMetrics({ version: 'dead' })
  const dies = () => Promise.reject(new Error('died'))
  const planner = { ...(await plannerDeps(world)), metrics }
  await planByHand(world, id, planner)

  const order = `${id}.0.1`
  const lock = store.ledger.keys.lock({ queue: 'ingest-jobs', jobId: order })
  const job = await (await store.queues())['ingest-jobs'].getJob(order)
  assert.ok(job)
  await store.redis.set(lock, 'dead')
  const salesforce = connect(world)
  t.after(() => salesforce.close())
  const { ledger, staging } = store
  const clock = leapingClock()
  const stopWatch = new StopWatch({ ledger, clock, log: context().log })
  const deps = {
    store: {
      ...store,
      ledger: step === 'record' ? { ...ledger, recordOutcome: dies } : ledger,
      orders: step === 'settle' ? { ...store.orders, settle: dies } : store.orders,
    },
    metrics,
    rails: planner.rails,
    collector: {
      ...{ org, ledger, staging, results: planner.results, api: salesforce.ingest },
      resendMs: 0,
    },
    gate: new OrgGate({ ledger, clock, stopWatch }),
    governor: new QuotaGovernor(store, { calls: 20, batches: 10 }, context().log),
    peers: new Peers(),
    halt: assert.fail,
  }
  const death = processIngestJob(job, 'dead', 'ingest-jobs', deps, context())
  await assert.rejects(death, { message: 'died' })
  await store.redis.del(lock)
  return metrics
}

/** The step over which it dies: the outcome is not in the ledger yet, or is, and nobody knows it. */
type Dying = 'record' | 'settle'

function connect({ sandbox: { url: loginUrl, clientId, clientSecret } }: World): Salesforce {
  const credentials = { kind: 'client-credentials', loginUrl, clientId, clientSecret } as const
  return createSalesforce({ credentials, apiVersion: '61.0', clock: leapingClock() })
}

describe('what one worker counted before it died', () => {
  test('no other counts again: it died between the outcome and the end of a request', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    world.sandbox.setRows({ rules: [{ code: 'DELETE_FAILED', ids: ids18(5) }] })
    const id = await submitIds(world, ids18(20))
    const dead = await deadWorker(t, world, id, 'settle')
    assert.deepEqual(await counted(dead, 'records_total', 'outcome'), { deleted: 15, failed: 5 })
    assert.deepEqual(await counted(dead, 'requests_total', 'status'), {})

    await world.startWorker()
    assert.equal((await receiptOf(world, id)).status, 'incomplete')
    await cleared(world, id)
    const both = [dead, world.metrics]
    assert.deepEqual(await counted(world.metrics, 'records_total', 'outcome'), {})
    assert.deepEqual(await inAll(both, 'requests_total', 'status'), { incomplete: 1 })
    assert.deepEqual(await inAll(both, 'ids_read_total', 'verdict'), { accepted: 20 })
    assert.deepEqual(await inAll(both, 'record_failures_total', 'code'), { DELETE_FAILED: 5 })
    assert.deepEqual(await inAll(both, 'ingest_jobs_total', 'state'), { JobComplete: 1 })
  })

  test('the next one counts, where it died before the ledger had it', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const id = await submitIds(world, ids18(20, 100))
    const dead = await deadWorker(t, world, id, 'record')
    assert.deepEqual(await counted(dead, 'records_total', 'outcome'), {})
    await world.startWorker()
    await receiptOf(world, id)
    await cleared(world, id)
    const both = [dead, world.metrics]
    assert.deepEqual(await inAll(both, 'records_total', 'outcome'), { deleted: 20 })
    assert.deepEqual(await inAll(both, 'requests_total', 'status'), { completed: 1 })
    assert.deepEqual(await inAll(both, 'ids_read_total', 'verdict'), { accepted: 20 })
    assert.deepEqual(await inAll(both, 'ingest_jobs_total', 'state'), { JobComplete: 1 })
  })
})

describe('a step that is repeated', () => {
  test('counts a request once, however often it is settled', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    await world.startWorker()
    const { id } = await deleteIds(world, ids18(5))
    await cleared(world, id)
    const deps = await plannerDeps(world)
    await Promise.all(Array.from({ length: 4 }, () => settleRequest(id, deps, context())))
    assert.deepEqual(await counted(world.metrics, 'requests_total', 'status'), { completed: 1 })
    assert.deepEqual(await counted(world.metrics, 'records_total', 'outcome'), { deleted: 5 })
  })

  test('counts the rows of a source once, for the plan that counts', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const id = await submitIds(world, [...ids18(5), ...ids18(2)], { approval: 'required' })
    // While the first draws its plan, a second begins, and is done before it.
    let isFirst = true
    const late = await plannerDeps(world, {
      staging: async () => {
        if (!isFirst) return
        isFirst = false
        await planByHand(world, id, await plannerDeps(world))
      },
    })
    await planByHand(world, id, late).catch(() => {})
    assert.deepEqual(await counted(world.metrics, 'ids_read_total', 'verdict'), {
      accepted: 5,
      duplicate: 2,
    })
  })

  test('counts the rows of a plan that ends its request, too', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    await world.startWorker()
    const ids = [...ids18(5), '00Q5f0000000001']
    const dryRun = await deleteIds(world, ids, { dryRun: true, onInvalid: 'skip' })
    const refused = await deleteIds(world, ids)
    // The rows of a dry run are kept with its plan.
    assert.equal(dryRun.status, 'planned')
    await cleared(world, refused.id)
    assert.deepEqual(await counted(world.metrics, 'ids_read_total', 'verdict'), {
      accepted: 10,
      invalid: 2,
    })
    assert.deepEqual(await counted(world.metrics, 'requests_total', 'status'), {
      planned: 1,
      refused: 1,
    })
  })
})
