import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createSalesforce, type Salesforce } from '../../../src/shared/salesforce/client.ts'
import { parseQuota } from '../../../src/shared/store/quota.ts'
import { askForQuota } from '../../../src/worker/upkeep/quota-watch.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { deleteIds } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { context } from '../../helpers/planning.ts'
import { startRedis } from '../../helpers/redis.ts'
import { startWorld, type World } from '../../helpers/world.ts'

const redis = await startRedis({ after })
const sandbox = { dailyApiRequests: 500, dailyBulkApiBatches: 40 }

const quotaOf = async ({ store: { redis, ledger } }: World) =>
  Object.fromEntries(parseQuota(await redis.hgetall(ledger.keys.quota), Date.now()))

const askedOf = ({ sandbox: { referee } }: World) => referee.stats().calls['limits']?.received ?? 0

function connect({ sandbox: { url: loginUrl, clientId, clientSecret } }: World): Salesforce {
  const credentials = { kind: 'client-credentials', loginUrl, clientId, clientSecret } as const
  return createSalesforce({ credentials, apiVersion: '61.0', clock: leapingClock() })
}

test('what is left of the API calls is known from the answers to any call', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock(), sandbox })
  await world.startWorker()
  await deleteIds(world, ids18(3))
  while (Object.keys(await quotaOf(world)).length === 0) await delay(5)
  const { DailyApiRequests, DailyBulkApiBatches } = await quotaOf(world)
  assert.equal(DailyApiRequests?.max, 500)
  assert.ok((DailyApiRequests?.remaining ?? 500) < 500)
  assert.equal(DailyBulkApiBatches, undefined)
  assert.equal(askedOf(world), 0)
})

test('of many workers one asks for the bulk batches', async (t) => {
  const world = await startWorld(t, { redis, sandbox })
  const salesforce = connect(world)
  t.after(() => salesforce.close())
  const asks = Array.from({ length: 5 }, () => askForQuota(world.store, salesforce, context()))
  await Promise.all(asks)
  assert.partialDeepStrictEqual((await quotaOf(world))['DailyBulkApiBatches'], {
    ...{ max: 40, remaining: 40, booked: 0 },
  })
  assert.equal(askedOf(world), 1)
  const { redis: connection, ledger } = world.store
  assert.ok((await connection.pttl(ledger.keys.quotaTurn)) <= 5 * 60_000)
})

test('a user who may not see the limits is asked for again much later', async (t) => {
  const world = await startWorld(t, { redis, sandbox })
  const salesforce = connect(world)
  t.after(() => salesforce.close())
  const body = { errorCode: 'INSUFFICIENT_ACCESS', message: 'no' }
  world.sandbox.faults.add({
    on: 'limits',
    action: { do: 'answer', status: 403, text: JSON.stringify([body]) },
  })
  await askForQuota(world.store, salesforce, context())
  assert.deepEqual(await quotaOf(world), {})
  const { redis: connection, ledger } = world.store
  assert.ok((await connection.pttl(ledger.keys.quotaTurn)) > 50 * 60_000)
})

test('an org that suffers is left alone, but for one without batches', async (t) => {
  const world = await startWorld(t, { redis, sandbox })
  const salesforce = connect(world)
  t.after(() => salesforce.close())
  const { ledger } = world.store
  const raise = (reason: 'outage' | 'quota') =>
    ledger.raiseFault({ reason, message: 'x', afterMs: 0, by: 'x', now: 1 })
  await raise('outage')
  await askForQuota(world.store, salesforce, context())
  assert.equal(askedOf(world), 0)
  await ledger.clearFault(1)
  await raise('quota')
  await askForQuota(world.store, salesforce, context())
  assert.equal(askedOf(world), 1)
})
