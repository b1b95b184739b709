import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { leapingClock } from '../helpers/clock.ts'
import { linesOf, outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startOtherServer } from '../helpers/other-server.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** What many small requests cost Salesforce. `bench/coalesce.ts` has 1,000 of them, and a day. */

const redis = await startRedis({ after })

const REQUESTS = 60
const IDS = 10
/** One in each tenth request. */
const refusedOf = (requests: readonly (readonly string[])[]) =>
  requests.filter((_, n) => n % 10 === 3).map(([id = '']) => id)

const wanted = Array.from({ length: REQUESTS }, (_, n) => ids18(IDS, IDS * n))
const refused = refusedOf(wanted)
/** They depart as soon as all have come. */
const coalesce = { below: 2000, fill: REQUESTS * IDS, waitMs: 60_000, highWaitMs: 60_000 }

test('many requests of ten ids cost under 20 calls; each id has one verdict, each request one receipt', async (t) => {
  const rules = [{ code: 'DELETE_FAILED', ids: refused }]
  const clock = leapingClock()
  const world = await startWorld(t, { redis, clock, sandbox: { queueDelayMs: 0, rows: { rules } } })
  await world.startWorker({ coalesce })
  await assertReceipts(world)
  const { apiRequests, bulkApiBatches, rowsDeleted, rowsReceived, violations } =
    world.sandbox.referee.stats()
  assert.ok(apiRequests < 20, `${apiRequests} calls`)
  assert.equal(bulkApiBatches, 1)
  assert.equal(rowsReceived, REQUESTS * IDS)
  assert.equal(rowsDeleted, REQUESTS * IDS - refused.length)
  assert.deepEqual(violations, [])
})

test('the same is true of another server of the API', async (t) => {
  const server = await startOtherServer(t, new Set(refused))
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const [[name, org] = assert.fail('no org')] = world.config.orgs
  const own = { clientId: 'client', clientSecret: 'secret' }
  const credentials = { ...own, kind: 'client-credentials', loginUrl: server.url } as const
  await world.startWorker({ coalesce, orgs: new Map([[name, { ...org, credentials }]]) })
  await assertReceipts(world)
  assert.ok(server.calls.length < 20, server.calls.join('\n'))
  const deleted = wanted.flat().filter((id) => !refused.includes(id))
  assert.deepEqual([...server.deletions.keys()].sort(), deleted.toSorted())
  assert.deepEqual(new Set(server.deletions.values()), new Set([1]))
})

async function assertReceipts(world: World): Promise<void> {
  const requests = await Promise.all(wanted.map((ids) => submitIds(world, ids)))
  for (const [n, id] of requests.entries()) {
    const failed = n % 10 === 3 ? 1 : 0
    const receipt = await receiptOf(world, id)
    assert.deepEqual(receipt.outcome, outcome({ deleted: IDS - failed, failed }))
    assert.deepEqual(
      receipt.ingestJobs.map(({ records, attempt }) => [records, attempt]),
      [[IDS, 1]],
    )
    const listed = (await linesOf(world, id, 'failed.csv')) ?? []
    assert.deepEqual(
      listed.map((line) => line.slice(0, 18)),
      failed === 1 ? [wanted[n]?.[0]] : [],
    )
  }
}

test('single erasures cost at most one batch in each wait: a day of 50 a minute under 3,000', async (t) => {
  const waitMs = 150
  const world = await startWorld(t, { redis, sandbox: { queueDelayMs: 0 } })
  await world.startWorker({ coalesce: { ...coalesce, waitMs } })
  const begin = performance.now()
  const submitted: string[] = []
  for (const id of ids18(100, 900_000)) {
    submitted.push(await submitIds(world, [id]))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await Promise.all(submitted.map((id) => receiptOf(world, id)))
  const waits = (performance.now() - begin) / waitMs
  const { bulkApiBatches, rowsDeleted } = world.sandbox.referee.stats()
  assert.equal(rowsDeleted, 100)
  assert.ok(bulkApiBatches <= waits + 1, `${bulkApiBatches} batches in ${waits} waits`)
  assert.ok(bulkApiBatches < 50, `${bulkApiBatches} batches`)
})
