import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { viewOf } from '../../../src/shared/store/request-view.ts'
import { closedJobs } from '../../helpers/account.ts'
import { linesOf, outcome, receiptOf } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { poll } from '../../helpers/poll.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { sendShared, shareOrder } from '../../helpers/shared-order.ts'
import { startWorld, type World, type WorldOptions } from '../../helpers/world.ts'

/** Ingest jobs that carry chunks of several requests: each request sees its own alone. */

const scope = inReverse(after)
const redis = await startRedis(scope)

type Scope = Parameters<typeof startWorld>[0]

async function start(t: Scope, options: Partial<WorldOptions> = {}): Promise<World> {
  const world = await startWorld(t, { redis, ...options })
  await world.startWorker()
  return world
}

const receiptsOf = (world: World, requests: readonly string[]) =>
  Promise.all(requests.map((id) => receiptOf(world, id)))

const isActive = async ({ store }: World, order: string) =>
  (await (await store.queues())['ingest-jobs'].getActive()).some(({ id }) => id === order)

const rules = (code: string, ids: readonly string[], times?: number) => ({
  ...{ code, ids, ...(times === undefined ? {} : { times }) },
})

describe('a shared ingest job', () => {
  test('sends each id once and gives its verdict to every request that asked for it', async (t) => {
    const ids = ids18(30)
    const rows = {
      rules: [
        rules('DELETE_FAILED', ids.slice(0, 2)),
        rules('ENTITY_IS_DELETED', ids.slice(9, 11)),
      ],
    }
    const world = await start(t, { sandbox: { rows } })
    const lists = [ids.slice(0, 10), ids.slice(5, 20), ids.slice(0, 30)]
    const requests = await sendShared(world, lists, [{}, { deletedFile: true }])
    const receipts = await receiptsOf(world, requests)
    assert.deepEqual(
      receipts.map((receipt) => receipt.outcome),
      [
        outcome({ deleted: 7, failed: 2, alreadyGone: 1 }),
        outcome({ deleted: 13, alreadyGone: 2 }),
        outcome({ deleted: 26, failed: 2, alreadyGone: 2 }),
      ],
    )
    assert.deepEqual(
      closedJobs(world).map((job) => job.rows),
      [30],
    )
    assert.deepEqual(
      receipts.map(({ ingestJobs }) => ingestJobs.map(({ records }) => records)),
      [[10], [15], [30]],
    )
    assert.deepEqual(
      receipts.map(({ files }) => files.map(({ name, rows }) => `${name} ${rows}`)),
      [['failed.csv 2'], ['deleted.csv 13'], ['failed.csv 2']],
    )
    const audited = await linesOf(world, requests[1] ?? '', 'deleted.csv')
    assert.deepEqual(audited?.toSorted(), [...ids.slice(5, 9), ...ids.slice(11, 20)].sort())
    const { violations, deletedTwice } = world.sandbox.referee.stats()
    assert.deepEqual([violations, deletedTwice], [[], 0])
  })

  test('downloads nothing if every row was deleted', async (t) => {
    const ids = ids18(12)
    const world = await start(t)
    const requests = await sendShared(world, [ids.slice(0, 8), ids.slice(4, 12)])
    const receipts = await receiptsOf(world, requests)
    assert.deepEqual(
      receipts.map((receipt) => receipt.outcome),
      [outcome({ deleted: 8 }), outcome({ deleted: 8 })],
    )
  })

  test('is left before it begins by a request that is cancelled while the org is paused', async (t) => {
    const ids = ids18(20)
    const world = await startWorld(t, { redis })
    const { ledger } = world.store
    await ledger.pause(false)
    await world.startWorker()
    const { order, requests } = await shareOrder(world, [ids.slice(0, 10), ids.slice(5, 20)])
    const [first = '', second = ''] = requests
    await world.store.orders.ingest(order.order, order.priority)
    await poll(async () => ((await isActive(world, order.order)) ? true : null))
    await world.producer.cancel(first, { org: world.org })
    const cancelled = await receiptOf(world, first)
    assert.equal(cancelled.status, 'cancelled')
    assert.deepEqual(cancelled.outcome, outcome({ unprocessed: 10 }))
    assert.deepEqual(cancelled.ingestJobs, [])
    await ledger.resume()
    const receipt = await receiptOf(world, second)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 15 }))
    assert.deepEqual(
      closedJobs(world).map((job) => job.rows),
      [15],
    )
  })

  test('goes without a chunk whose staged ids are lost', async (t) => {
    const ids = ids18(20)
    const world = await start(t)
    const { order, requests } = await shareOrder(world, [ids.slice(0, 10), ids.slice(5, 20)])
    const [first = '', second = ''] = requests
    const [lost] = order.chunks
    assert.ok(lost)
    await world.store.redis.del(world.store.ledger.keys.frames(first, lost.lot, lost.chunk))
    await world.store.orders.ingest(order.order, order.priority)
    const [ended, receipt] = await receiptsOf(world, [first, second])
    assert.equal(ended?.error?.code, 'STAGING_DAMAGED')
    assert.deepEqual(ended?.outcome, outcome({ unprocessed: 10 }))
    assert.deepEqual(receipt?.outcome, outcome({ deleted: 15 }))
    assert.equal(receipt?.error, null)
  })

  test('shows a request its own progress, not that of the others', async (t) => {
    const ids = ids18(40)
    const world = await start(t)
    const { order, requests } = await shareOrder(world, [ids.slice(0, 10), ids.slice(10)])
    const progress = JSON.stringify({ processed: 20, failed: 0 })
    await world.store.redis.hset(world.store.ledger.keys.ingest(order.order), 'progress', progress)
    const running = requests.map(async (id) => {
      const record = await world.store.ledger.load(id)
      return record && (await viewOf(world.store, record)).progress?.running
    })
    assert.deepEqual(await Promise.all(running), [5, 15])
    await world.store.orders.ingest(order.order, order.priority)
    await receiptsOf(world, requests)
  })
})
