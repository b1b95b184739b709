import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { systemClock } from '../../src/shared/base/clock.ts'
import { assertAccount, cleared } from '../helpers/account.ts'
import { leapingClock } from '../helpers/clock.ts'
import { deleteIds, linesOf, outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld, type World } from '../helpers/world.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)

const IDS = ids18(10)
const HOUR = 3600_000
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString()
const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

/** Nobody sweeps: whatever happens now is of a BullMQ job. */
const withoutSweep = ({ store }: World) =>
  store.redis.set(store.ledger.keys.sweeper, 'nobody', 'PX', HOUR)

test('a deadline that has passed before the plan ends the request, and nothing is sent', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  await withoutSweep(world)
  await world.startWorker()
  const receipt = await deleteIds(world, IDS, { deadline: inMs(-1000) })
  assert.deepEqual([receipt.status, receipt.error?.code], ['cancelled', 'DEADLINE_PASSED'])
  assert.equal(receipt.outcome, null)
  assert.deepEqual(world.sandbox.referee.stats().jobs, [])
  await cleared(world, receipt.id)
})

test('a plan that nobody approves in time ends at its deadline', async (t) => {
  const world = await startWorld(t, { redis })
  await withoutSweep(world)
  await world.startWorker()
  const deadline = inMs(300)
  const receipt = await deleteIds(world, IDS, { approval: 'required', deadline })
  assert.deepEqual([receipt.status, receipt.error?.code], ['cancelled', 'DEADLINE_PASSED'])
  assert.match(receipt.error?.message ?? '', new RegExp(deadline))
  assert.ok(Date.parse(receipt.finishedAt) >= Date.parse(deadline))
  assert.deepEqual(world.sandbox.referee.stats().jobs, [])
  await cleared(world, receipt.id)
})

test('a deadline that lies ahead changes nothing, and is forgotten with the request', async (t) => {
  const world = await startWorld(t, { redis })
  await world.startWorker()
  const receipt = await deleteIds(world, IDS, { deadline: inMs(HOUR) })
  assert.equal(receipt.status, 'completed')
  await assertAccount(world, IDS, receipt)
  await cleared(world, receipt.id)
  assert.equal(await (await world.store.queues()).requests.getDelayedCount(), 0)
})

test('where the job of a deadline is lost the sweep heeds it', async (t) => {
  const rows = { rules: [{ code: 'UNABLE_TO_LOCK_ROW', ids: IDS.slice(0, 3) }] }
  const world = await startWorld(t, { redis, sandbox: { rows } })
  let ahead = 0
  const sleep: typeof systemClock.sleep = (ms, signal) =>
    systemClock.sleep(Math.min(ms, 10), signal)
  const clock = { now: () => Date.now() + ahead, sleep }
  const worker = { lockMs: 2000, stalledMs: 1000, resendMs: 600_000 }
  await world.startWorker({ worker }, { clock })
  const id = await submitIds(world, IDS, { deadline: inMs(HOUR) })
  while ((await (await world.store.queues())['ingest-jobs'].getDelayedCount()) === 0) await turn()
  assert.equal(await (await world.store.queues()).requests.remove(`d-${id}`), 1)
  ahead = 2 * HOUR
  await world.store.redis.del(world.store.ledger.keys.sweeper)
  const receipt = await receiptOf(world, id)
  assert.deepEqual([receipt.status, receipt.error?.code], ['cancelled', 'DEADLINE_PASSED'])
  assert.deepEqual(receipt.outcome, outcome({ deleted: 7, unprocessed: 3 }))
  assert.deepEqual(
    (await linesOf(world, id, 'unprocessed.csv'))?.toSorted(),
    IDS.slice(0, 3).sort(),
  )
  await assertAccount(world, IDS, receipt)
  await cleared(world, id)
})
