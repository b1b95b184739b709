import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Config } from '../../../src/shared/config/config.ts'
import type { Receipt } from '../../../src/shared/contract/receipt.ts'
import { orderDue } from '../../../src/shared/store/org-store.ts'
import type { Checkpoint } from '../../../src/worker/ingest/step.ts'
import { closedJobs } from '../../helpers/account.ts'
import { linesOf, outcome, receiptOf } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { poll } from '../../helpers/poll.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { shareOrder } from '../../helpers/shared-order.ts'
import { startWorld, type World } from '../../helpers/world.ts'

/** A request whose ids kill workers must not take those along that share its ingest job. */

const scope = inReverse(after)
const redis = await startRedis(scope)

const GATHERS = { below: 2000, fill: 10_000, waitMs: 20, highWaitMs: 20 }
/** Longer than a test: whoever waits is sent by the test. */
const RESEND_MS = 60_000

interface Start {
  readonly coalesce?: Config['coalesce']
  readonly resendMs: number
  readonly gone?: readonly string[]
}

async function start(t: Parameters<typeof startWorld>[0], { gone = [], ...options }: Start) {
  const rows = { rules: [{ code: 'ENTITY_IS_DELETED', ids: gone }] }
  const world = await startWorld(t, { redis, sandbox: { rows } })
  const { coalesce = { ...GATHERS, below: 0 }, resendMs } = options
  await world.startWorker({ coalesce, worker: { lockMs: 30_000, stalledMs: 1000, resendMs } })
  return world
}

/** Sends an order at whose checkpoint five workers died before. */
async function sendPoisoned(world: World, order: string, checkpoint: Checkpoint): Promise<void> {
  const { redis: client, ledger, orders } = world.store
  await died(world, order)
  if (checkpoint.step !== 'create') {
    await client.hset(ledger.keys.ingest(order), 'checkpoint', JSON.stringify(checkpoint))
  }
  await orders.ingest(order, 'normal')
}

const died = ({ store: { redis: client, ledger } }: World, order: string) =>
  client.hset(ledger.keys.ingest(order), 'starts', 5)

const rowsSent = (world: World) => closedJobs(world).map(({ rows }) => rows)

const linesIn = ({ ingestJobs }: Receipt) =>
  ingestJobs.map(({ state, records, attempt }) => [state, records, attempt])

test('each request of a small one goes on alone, and the one at fault ends', async (t) => {
  const world = await start(t, { coalesce: GATHERS, resendMs: RESEND_MS })
  const ids = ids18(30)
  const lists = [ids.slice(0, 10), ids.slice(8, 20), ids.slice(20)]
  const { order, requests } = await shareOrder(world, lists)
  await sendPoisoned(world, order.order, { step: 'create' })
  const queue = (await world.store.queues())['ingest-jobs']
  const delayed = await poll(async () => {
    const jobs = await queue.getDelayed()
    return jobs.length === requests.length ? jobs : null
  })
  const [poison = '', ...others] = requests
  // As the sweep does: not even then do they gather again.
  for (const id of requests) await orderDue(world.store, id)
  assert.equal(await world.store.ledger.nextDeparture(), null)
  await died(world, `${poison}.0.2`)
  for (const job of delayed) await job.promote()
  for (const [at, id] of others.entries()) {
    const receipt = await receiptOf(world, id)
    const size = lists[at + 1]?.length ?? 0
    assert.deepEqual(receipt.outcome, outcome({ deleted: size }))
    assert.deepEqual(linesIn(receipt), [['JobComplete', size, 2]])
  }
  const receipt = await receiptOf(world, poison)
  assert.deepEqual([receipt.status, receipt.error?.code], ['failed', 'CRASHED'])
  assert.deepEqual(receipt.outcome, outcome({ unprocessed: 10 }))
  assert.deepEqual(await linesOf(world, poison, 'unprocessed.csv'), lists[0])
  assert.deepEqual(rowsSent(world).toSorted(), [10, 12])
  assert.equal(world.sandbox.referee.stats().deletedTwice, 0)
})

test('those of a large one gather in smaller ones', async (t) => {
  const world = await start(t, { coalesce: { ...GATHERS, fill: 1200 }, resendMs: 0 })
  const ids = ids18(900)
  const lists = Array.from({ length: 9 }, (_, at) => ids.slice(100 * at, 100 * at + 100))
  const { order, requests } = await shareOrder(world, lists)
  await sendPoisoned(world, order.order, { step: 'create' })
  for (const id of requests) {
    assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 100 }))
  }
  const sizes = rowsSent(world)
  assert.equal(
    sizes.reduce((sum, rows) => sum + rows, 0),
    900,
  )
  assert.ok(
    sizes.every((rows) => rows <= 300),
    sizes.join(),
  )
})

test('what is gone by then counts as deleted only if Salesforce may have run the job', async (t) => {
  const gone = ids18(4)
  const world = await start(t, { gone, resendMs: 0 })
  const cases = [
    [
      { step: 'upload', jobId: '7505f00000ABCDEAAA' },
      gone.slice(0, 2),
      { deleted: 4, alreadyGone: 2 },
    ],
    [{ step: 'close', jobId: '7505f00000ABCDFAAA' }, gone.slice(2), { deleted: 6 }],
  ] as const
  for (const [at, [checkpoint, own, expected]] of cases.entries()) {
    const lists = [[...own, ...ids18(4, 100 + 10 * at)], ids18(3, 200 + 10 * at)]
    const { order, requests } = await shareOrder(world, lists)
    await sendPoisoned(world, order.order, checkpoint)
    const receipt = await receiptOf(world, requests[0] ?? '')
    assert.deepEqual(receipt.outcome, outcome(expected))
    assert.deepEqual(linesIn(receipt), [
      ['Abandoned', 6, 1],
      ['JobComplete', 6, 2],
    ])
  }
})
