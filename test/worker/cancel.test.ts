import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { AlreadyOverError, UnknownRequestError } from '../../src/producer/producer.ts'
import { NO_OUTCOME, totalOf } from '../../src/shared/contract/receipt.ts'
import type { ChunkOutcome } from '../../src/shared/store/ledger/chunk.ts'
import { settleRequest } from '../../src/worker/end/settle.ts'
import { assertAccount, cleared, recordsCounted } from '../helpers/account.ts'
import { leapingClock } from '../helpers/clock.ts'
import {
  deleteIds,
  linesOf,
  outcome,
  receiptOf,
  statusReached,
  submitIds,
} from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { context, planByHand, plannerDeps } from '../helpers/planning.ts'
import { poll } from '../helpers/poll.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld, type World } from '../helpers/world.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)

const IDS = ids18(400)
const queueOf = async ({ store }: World) => (await store.queues())['ingest-jobs']
const jobsOf = ({ sandbox }: World) => sandbox.referee.stats().jobs

describe('a request that is cancelled', () => {
  test('before anybody plans it ends without a plan, and nothing is sent', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const id = await submitIds(world, IDS.slice(0, 10))
    await world.producer.cancel(id, { org: world.org })
    await world.producer.cancel(id, { org: world.org })
    await world.startWorker()
    const receipt = await receiptOf(world, id)
    assert.deepEqual(
      [receipt.status, receipt.error?.code, receipt.plan, receipt.outcome],
      ['cancelled', 'CANCELLED', null, null],
    )
    assert.deepEqual(jobsOf(world), [])
    await cleared(world, id)
  })

  for (const on of ['create', 'upload', 'close', 'get'] as const) {
    test(`ends at once, though Salesforce leaves the ${on} of its ingest job unanswered`, async (t) => {
      const world = await startWorld(t, { redis })
      const { faults } = world.sandbox
      faults.add({ on: 'job', action: { do: 'hold' } })
      const stalled = faults.add({ on, nth: 1, action: { do: 'stall' } })
      await world.startWorker()
      const id = await submitIds(world, IDS.slice(0, 10))
      await poll(async () =>
        faults.list().some((fault) => fault.id === stalled.id && fault.fired > 0) ? true : null,
      )
      await world.producer.cancel(id, { org: world.org })
      const receipt = await receiptOf(world, id)
      assert.deepEqual([receipt.status, receipt.outcome?.unprocessed], ['cancelled', 10])
      assert.deepEqual(
        jobsOf(world).map(({ state }) => state),
        on === 'create' ? [] : ['Aborted'],
      )
    })
  }

  test('while it waits for approval keeps its plan, and cannot be approved any more', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock(), org: { maxJobRecords: 3 } })
    await world.startWorker()
    const id = await submitIds(world, IDS.slice(0, 10), { approval: 'required' })
    await statusReached(world, id, 'awaiting-approval')
    await world.producer.cancel(id, { org: world.org })
    const receipt = await receiptOf(world, id)
    assert.deepEqual([receipt.status, receipt.error?.code], ['cancelled', 'CANCELLED'])
    assert.deepEqual([receipt.plan?.accepted, receipt.outcome], [10, null])
    await assert.rejects(world.producer.approve(id, { org: world.org }))
    assert.deepEqual(jobsOf(world), [])
    await cleared(world, id)
  })

  test('while its rows wait to go again ends at once, and they are unprocessed', async (t) => {
    const rows = { rules: [{ code: 'UNABLE_TO_LOCK_ROW', ids: IDS.slice(2, 6) }] }
    const world = await startWorld(t, { redis, clock: leapingClock(), sandbox: { rows } })
    await world.startWorker({ worker: { lockMs: 2000, stalledMs: 1000, resendMs: 600_000 } })
    const ids = IDS.slice(0, 10)
    const id = await submitIds(world, ids)
    while ((await (await queueOf(world)).getDelayedCount()) === 0) await turn()
    await world.producer.cancel(id, { org: world.org })
    const receipt = await receiptOf(world, id)
    assert.deepEqual([receipt.status, receipt.error?.code], ['cancelled', 'CANCELLED'])
    assert.deepEqual(receipt.outcome, outcome({ deleted: 6, unprocessed: 4 }))
    const unprocessed = await linesOf(world, id, 'unprocessed.csv')
    assert.deepEqual(unprocessed?.toSorted(), IDS.slice(2, 6).sort())
    await assertAccount(world, ids, receipt)
    await cleared(world, id)
    assert.equal(await (await queueOf(world)).getDelayedCount(), 0)
  })

  test('behind a full window ends without waiting for a slot', async (t) => {
    const org = { maxJobRecords: 10, maxInFlight: 1 }
    const world = await startWorld(t, { redis, clock: leapingClock(), org })
    world.sandbox.faults.add({ on: 'job', nth: 1, action: { do: 'hold' } })
    await world.startWorker()
    const first = await submitIds(world, IDS.slice(0, 10))
    await world.sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 1)
    const id = await submitIds(world, IDS.slice(10, 210))
    while ((await (await queueOf(world)).getPrioritizedCount()) < 2) await turn()
    await world.producer.cancel(id, { org: world.org })
    const receipt = await receiptOf(world, id)
    assert.deepEqual(receipt.outcome, outcome({ unprocessed: 200 }))
    assert.deepEqual([receipt.status, receipt.ingestJobs], ['cancelled', []])
    const unprocessed = await linesOf(world, id, 'unprocessed.csv')
    assert.deepEqual(unprocessed, IDS.slice(10, 210))
    assert.equal(world.sandbox.referee.stats().jobsAtWork, 1)
    assert.equal(await (await queueOf(world)).getPrioritizedCount(), 0)
    assert.deepEqual(await recordsCounted(world.metrics), outcome({ unprocessed: 200 }))
    await cleared(world, id)
    await world.producer.cancel(first, { org: world.org })
    assert.equal((await receiptOf(world, first)).status, 'cancelled')
  })

  test('twice, late or under another name gets the answer that fits', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    await world.startWorker()
    const { id } = await deleteIds(world, IDS.slice(0, 3))
    const late = world.producer.cancel(id, { org: world.org })
    await assert.rejects(late, (error) => {
      assert.ok(error instanceof AlreadyOverError)
      assert.equal(error.status, 'completed')
      return true
    })
    await assert.rejects(world.producer.cancel('nobody', { org: world.org }), UnknownRequestError)
    await cleared(world, id)
  })

  test('at any moment has every id accounted for, once', async (t) => {
    const rows = { rules: [{ code: 'UNABLE_TO_LOCK_ROW', ratio: 0.2, times: 1 }] }
    const org = { maxJobRecords: 5, maxInFlight: 20 }
    const sandbox = { rows, queueDelayMs: 5 }
    const world = await startWorld(t, { redis, clock: leapingClock(), org, sandbox })
    await world.startWorker()
    const requests = Array.from({ length: 20 }, (_, n) => IDS.slice(20 * n, 20 * n + 20))
    const receipts = await Promise.all(
      requests.map(async (ids, n) => {
        const id = await submitIds(world, ids)
        await new Promise((resolve) => setTimeout(resolve, 20 * n))
        await world.producer.cancel(id, { org: world.org }).catch((error: unknown) => {
          if (!(error instanceof AlreadyOverError)) throw error
        })
        return { ids, receipt: await receiptOf(world, id) }
      }),
    )
    const { referee } = world.sandbox
    for (const { ids, receipt } of receipts) {
      const { id, status } = receipt
      const isDeleted = (record: string) => referee.verdictsOf(record).includes('DELETED')
      const unprocessed = (await linesOf(world, id, 'unprocessed.csv')) ?? []
      const failed = ((await linesOf(world, id, 'failed.csv')) ?? []).map((line) =>
        line.slice(0, 18),
      )
      const left = ids.filter((record) => !isDeleted(record))
      if (receipt.outcome === null) {
        assert.deepEqual([status, left], ['cancelled', ids])
        continue
      }
      assert.equal(totalOf(receipt.outcome), 20)
      assert.deepEqual([...unprocessed, ...failed].sort(), left.sort())
      assert.equal(receipt.outcome.deleted, 20 - left.length)
      assert.equal(status === 'cancelled', receipt.outcome.unprocessed > 0)
      await cleared(world, id)
    }
    assert.deepEqual(referee.stats().violations, [])
    const sum = receipts.reduce((all, { receipt }) => all + (receipt.outcome?.deleted ?? 0), 0)
    assert.equal((await recordsCounted(world.metrics)).deleted, sum)
  })
})

/** The narrow places: each is met on purpose, by whoever works on the request at that moment. */
describe('a cancel that races', () => {
  test('with planning stops the reading of the source, and leaves nothing staged', async (t) => {
    const world = await startWorld(t, { redis })
    const path = join(world.folder, 'large.csv')
    await writeFile(path, ['Id', ...ids18(120_000), ''].join('\n'))
    const { request } = await world.producer.submit({
      ...{ org: world.org, object: 'Contact', source: { type: 'file', path } },
    })
    const { id } = request
    let blocks = 0
    const found = Promise.withResolvers<void>()
    const settling = await plannerDeps(world)
    const deps = await plannerDeps(world, {
      ledger: ({ load }) => ({
        load: async (name) => {
          const record = await load(name)
          if (record?.status === 'cancelled') found.resolve()
          return record
        },
      }),
      staging: async () => {
        if (++blocks > 1) return
        await world.producer.cancel(id, { org: world.org })
        await settleRequest(id, settling, context())
        assert.equal((await receiptOf(world, id)).status, 'cancelled')
        // The plan looks at its request twice a second.
        await found.promise
        await setImmediate()
      },
    })
    await planByHand(world, id, deps)
    assert.equal(blocks, 1)
    assert.deepEqual(await world.store.staging.lots(), [])
    assert.equal((await receiptOf(world, id)).error?.code, 'CANCELLED')
  })

  test('with a plan that is just being recorded ends all of it as unprocessed', async (t) => {
    const world = await startWorld(t, { redis, org: { maxJobRecords: 4 } })
    const { ledger } = world.store
    const id = await submitIds(world, IDS.slice(0, 10))
    const planning = await plannerDeps(world, {
      ledger: ({ planned }) => ({
        planned: async (entry) => {
          await ledger.cancel(id, 'cancelled')
          const answers: Awaited<ReturnType<typeof planned>>[] = []
          const settling = await plannerDeps(world, {
            ledger: ({ settle }) => ({
              settle: async (settlement) => {
                if (answers.length === 0) answers.push(await planned(entry))
                return settle(settlement)
              },
            }),
          })
          await settleRequest(id, settling, context())
          assert.deepEqual(answers, ['ok'])
          assert.equal((await ledger.load(id))?.status, 'cancelled')
          return 'ok'
        },
      }),
    })
    await planByHand(world, id, planning)
    const receipt = await receiptOf(world, id)
    assert.deepEqual(receipt.outcome, outcome({ unprocessed: 10 }))
    assert.deepEqual([receipt.error?.code, receipt.plan?.chunks], ['CANCELLED', 3])
    assert.deepEqual(await linesOf(world, id, 'unprocessed.csv'), IDS.slice(0, 10))
    await cleared(world, id)
  })

  test('with rows that go again ends these, too', async (t) => {
    const world = await startWorld(t, { redis, org: { maxJobRecords: 4 } })
    const { ledger } = world.store
    const id = await submitIds(world, IDS.slice(0, 8))
    await planByHand(world, id, await plannerDeps(world))
    const [running = '', waiting = ''] = [...(await ledger.openChunks(id)).values()].sort()
    const lock = await take(world, running)
    await ledger.cancel(id, 'cancelled')
    let isResent = false
    const settling = await plannerDeps(world, {
      ledger: ({ endUnsent }) => ({
        endUnsent: async (entry) => {
          if (!isResent) await resend(world, running, lock)
          isResent = true
          return endUnsent(entry)
        },
      }),
    })
    await settleRequest(id, settling, context())
    const receipt = await receiptOf(world, id)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 3, unprocessed: 5 }))
    assert.equal(receipt.status, 'cancelled')
    assert.equal((await linesOf(world, id, 'unprocessed.csv'))?.length, 5)
    assert.equal(await ledger.ingestOrder(waiting), null)
    await cleared(world, id)
  })

  test('with a worker that takes an order leaves it to that worker', async (t) => {
    const world = await startWorld(t, { redis })
    const { ledger } = world.store
    const id = await submitIds(world, IDS.slice(0, 8))
    await planByHand(world, id, await plannerDeps(world))
    const [order = ''] = (await ledger.openChunks(id)).values()
    await ledger.cancel(id, 'cancelled')
    const settling = await plannerDeps(world, {
      ledger: ({ endUnsent }) => ({
        endUnsent: async (entry) => {
          // It hands the order over: nobody holds the BullMQ job, and yet it is not ours to remove.
          const lock = await take(world, order)
          await world.store.redis.del(ledger.keys.lock(lock))
          return endUnsent(entry)
        },
      }),
    })
    await settleRequest(id, settling, context())
    assert.equal((await ledger.load(id))?.receipt, null)
    assert.equal(await (await queueOf(world)).getPrioritizedCount(), 1)
    await world.startWorker()
    assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ unprocessed: 8 }))
    assert.deepEqual(jobsOf(world), [])
    await cleared(world, id)
  })
})

const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

/** A worker that has taken an order up. */
async function take({ store }: World, order: string) {
  const lock = { queue: 'ingest-jobs', jobId: order, token: 'other' }
  await store.redis.set(store.ledger.keys.lock(lock), lock.token, 'PX', 500)
  assert.equal((await store.ledger.takeOrder(order, lock)).kind, 'taken')
  return lock
}

/** It records that three of four ids were deleted and one goes again, and dies before ordering it. */
async function resend(
  { store }: World,
  order: string,
  lock: Awaited<ReturnType<typeof take>>,
): Promise<void> {
  const now = await store.ledger.ingestOrder(order)
  const [ref] = now?.order.chunks ?? []
  assert.ok(now && ref)
  const lot = { request: ref.request, lot: 'r-again' }
  const number = (await store.ledger.numberChunks({ id: ref.request, count: 1 })) ?? 0
  const writer = store.staging.write(lot, number)
  await writer.write(Buffer.from(IDS[0]?.slice(0, 15) ?? ''))
  const { sha256 } = await writer.end()
  const next = { ...ref, ...lot, chunk: number, attempt: 2, count: 1, sha256 }
  const recorded: ChunkOutcome = {
    ...{ outcome: { ...NO_OUTCOME, deleted: 3 }, failures: {}, error: null },
    job: { id: '7505f0000000001AAA', state: 'JobComplete', records: 4, attempt: 1 },
    resent: { lot: lot.lot, count: 1 },
  }
  const again = [
    { ...now.order, order: `${ref.request.toLowerCase()}.${number}.2`, chunks: [next] },
  ]
  const entered = await store.ledger.recordOutcome({
    ...{ order, outcomes: [{ ref, outcome: recorded, again }], lock },
  })
  assert.equal(entered.kind, 'ok')
  await store.redis.del(store.ledger.keys.lock(lock))
  await (await store.queues())['ingest-jobs'].remove(order)
}
