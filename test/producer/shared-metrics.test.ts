import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { sharedMetrics } from '../../src/producer/shared-metrics.ts'
import { createLogger } from '../../src/shared/base/logger.ts'
import { saveQuota } from '../../src/shared/store/quota.ts'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import { createMetrics } from '../../src/shared/telemetry/metrics/metrics.ts'
import { leapingClock } from '../helpers/clock.ts'
import { receiptOf, statusReached, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis, type TestRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'

const redis = await startRedis({ after })

/**
 * A producer's page, and what one metric shows there: value by labels, as in `org,bulk`. The Redis
 * may have orgs of others.
 */
function openPage(t: TestContext, to: TestRedis, configured: readonly string[], said?: string[]) {
  const destination = { write: (line: string) => void said?.push(String(JSON.parse(line).msg)) }
  const client = connectRedis({ kind: 'url', url: to.url }, 'fail-fast', () => {})
  t.after(() => client.disconnect())
  const read = sharedMetrics({
    redis: client,
    configured,
    log: createLogger({ level: 'warn', destination }),
    cache: { freshMs: 0, withinMs: 5_000 },
  })
  const { registry, observe } = createMetrics({ version: 'x', role: 'producer' })
  observe(read)
  const text = () => registry.metrics()
  const shows = async (name: string, orgs = configured) => {
    const series = (await text()).matchAll(
      new RegExp(`^expunge_${name}(?:\\{(.*)\\})? (\\S+)$`, 'gm'),
    )
    const all = [...series].map(([, pairs = '', value]) => ({
      labels: [...pairs.matchAll(/="([^"]*)"/g)].map(([, label = '']) => label),
      value: Number(value),
    }))
    const own = all.filter(({ labels: [org] }) => org === undefined || orgs.includes(org))
    return Object.fromEntries(own.map(({ labels, value }) => [labels.join(), value]))
  }
  return { text, shows }
}

/** Only what differs from 0. */
const risen = (series: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(series).filter(([, value]) => value !== 0))

describe('a producer’s page', () => {
  test('shows how requests, ingest jobs and queues stand, over all workers', async (t) => {
    const org = { maxJobRecords: 5, maxInFlight: 2, urgentInFlight: 3 }
    const world = await startWorld(t, { redis, clock: leapingClock(), org })
    const name = world.org
    const page = openPage(t, redis, [name])
    await world.startWorker()
    await world.startWorker()
    const parked = await submitIds(world, ids18(5), { approval: 'required' })
    await statusReached(world, parked, 'awaiting-approval')
    world.sandbox.faults.add({ on: 'job', action: { do: 'hold' } })
    const atWork = await submitIds(world, ids18(20, 100))
    const urgent = await submitIds(world, ids18(5, 200), { priority: 'high' })
    await world.sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 3)

    assert.deepEqual(await page.shows('requests'), {
      [`${name},queued`]: 0,
      [`${name},planning`]: 0,
      [`${name},awaiting-approval`]: 1,
      [`${name},deleting`]: 2,
    })
    assert.deepEqual(Object.keys(risen(await page.shows('oldest_request_seconds'))), [
      `${name},awaiting-approval`,
      `${name},deleting`,
    ])
    assert.deepEqual(await page.shows('ingest_jobs_in_flight'), {
      [`${name},bulk`]: 2,
      [`${name},urgent`]: 1,
    })
    assert.deepEqual(await page.shows('ingest_jobs_in_flight_limit'), {
      [`${name},bulk`]: 2,
      [`${name},urgent`]: 3,
    })
    const jobs = Object.entries(risen(await page.shows('queue_jobs')))
    assert.deepEqual(Object.fromEntries(jobs.filter(([labels]) => labels.includes('ingest'))), {
      [`${name},ingest-jobs,waiting`]: 2,
      [`${name},ingest-jobs,active`]: 2,
      [`${name},ingest-jobs-urgent,active`]: 1,
    })
    assert.deepEqual(await page.shows('workers'), { [name]: 2 })
    assert.deepEqual(await page.shows('redis_up'), { '': 1 })

    for (const id of [atWork, urgent]) {
      await world.producer.cancel(id, { org: name })
      await receiptOf(world, id)
    }
    assert.deepEqual(risen(await page.shows('requests')), { [`${name},awaiting-approval`]: 1 })
    assert.deepEqual(risen(await page.shows('ingest_jobs_in_flight')), {})
  })

  test('shows since when the oldest job waits, in whichever line', async (t) => {
    const world = await startWorld(t, { redis })
    const page = openPage(t, redis, [world.org])
    const { requests } = await world.store.queues()
    const add = (id: string, ageMs: number, priority: number) =>
      requests.add('test', {}, { jobId: id, priority, timestamp: Date.now() - ageMs })
    const waits = async () => {
      const seconds = await page.shows('queue_oldest_waiting_seconds')
      return Math.floor((seconds[`${world.org},requests`] ?? -1) / 60)
    }
    assert.equal(await waits(), 0)
    await add('young', 60_000, 10)
    await add('younger', 30_000, 10)
    assert.equal(await waits(), 1)
    await add('by-a-caller', 120_000, 50)
    assert.equal(await waits(), 2)
    await add('low', 180_000, 100)
    await add('urgent', 30_000, 2)
    assert.equal(await waits(), 3)
    await add('unheard-of', 240_000, 2_000_000)
    assert.equal(await waits(), 4)
    await add('without-priority', 300_000, 0)
    assert.equal(await waits(), 5)
    assert.equal((await page.shows('queue_jobs'))[`${world.org},requests,waiting`], 7)
  })

  test('shows why the org is paused, and what Salesforce still allows', async (t) => {
    const { org, store } = await startWorld(t, { redis })
    const page = openPage(t, redis, [org])
    assert.deepEqual(risen(await page.shows('org_paused')), {})
    assert.equal(Object.keys(await page.shows('org_paused')).length, 7)
    await store.ledger.pause(false)
    const fault = { reason: 'quota', message: 'used up', afterMs: 0, by: 'x', now: 0 } as const
    await store.ledger.raiseFault(fault)
    assert.deepEqual(risen(await page.shows('org_paused')), {
      [`${org},operator`]: 1,
      [`${org},quota`]: 1,
    })
    assert.deepEqual(await page.shows('salesforce_limit'), {})
    const { redis: client, connection, ledger } = store
    const known = { DailyApiRequests: { max: 100, remaining: -2 }, DailyBulkApiBatches: null }
    await saveQuota(connection, ledger.keys, known, Date.now())
    assert.deepEqual(await page.shows('salesforce_limit'), { [`${org},DailyApiRequests`]: 100 })
    assert.deepEqual(await page.shows('salesforce_limit_remaining'), {
      [`${org},DailyApiRequests`]: 0,
    })
    const old = { DailyApiRequests: { max: 100, remaining: 50 } }
    await saveQuota(connection, ledger.keys, old, Date.now() - 2 * 3600_000)
    await client.hset(ledger.keys.quota, 'DailyBulkApiBatches', 'of a newer version')
    assert.deepEqual(await page.shows('salesforce_limit'), {})
  })

  test('has the orgs of the configuration, and those that workers work for', async (t) => {
    const world = await startWorld(t, { redis })
    const page = openPage(t, redis, ['configured'])
    const workers = () => page.shows('workers', ['configured', world.org])
    assert.deepEqual(await workers(), { configured: 0 })
    const worker = await world.startWorker()
    await until(async () => (await workers())[world.org] === 1)
    assert.deepEqual(await workers(), { configured: 0, [world.org]: 1 })
    await worker.stop()
    assert.deepEqual(await workers(), { configured: 0, [world.org]: 0 })
  })

  test('leaves out an org that cannot be read, and no other', async (t) => {
    const { org, store } = await startWorld(t, { redis })
    const said: string[] = []
    const page = openPage(t, redis, [org, 'readable'], said)
    await store.redis.hset(store.ledger.keys.pause, 'fault', '{}')
    assert.deepEqual(await page.shows('workers'), { readable: 0 })
    assert.deepEqual(await page.shows('redis_up'), { '': 1 })
    assert.match(said[0] ?? '', /The metrics of the org cannot be read/)
  })

  test('says nothing of what it cannot read now but that, until Redis is back', async (t) => {
    const scope = inReverse((close) => t.after(close))
    const own = await startRedis(scope, { args: ['--maxmemory', '100mb'] })
    const page = openPage(t, own, ['default'])
    const { '': ratio = 0 } = await page.shows('redis_memory_ratio')
    assert.ok(ratio > 0 && ratio < 0.5, String(ratio))
    await own.kill()
    const names = [...(await page.text()).matchAll(/^(expunge_\w+)/gm)].map(([name]) => name)
    assert.deepEqual(names, ['expunge_build_info', 'expunge_redis_up'])
    assert.deepEqual(await page.shows('redis_up'), { '': 0 })
    await own.restart()
    await until(async () => (await page.shows('redis_up'))[''] === 1)
    assert.equal(Object.keys(await page.shows('requests')).length, 4)
  })

  test('has no share of a memory without a limit', async (t) => {
    const page = openPage(t, await startRedis(t, {}), [])
    assert.deepEqual(await page.shows('redis_memory_ratio'), { '': 0 })
  })
})

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(10)
}
