import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import {
  NotWaitingError,
  PlanAppliedError,
  PlanChangedError,
  PlanExpiredError,
} from '../../src/producer/producer.ts'
import { sweep } from '../../src/worker/upkeep/sweep.ts'
import { leapingClock } from '../helpers/clock.ts'
import { deleteIds, outcome, receiptOf, statusReached, submitIds } from '../helpers/deletion.ts'
import { id18, ids18 } from '../helpers/ids.ts'
import { context, planByHand, plannerDeps } from '../helpers/planning.ts'
import { poll } from '../helpers/poll.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'

/** The plan of a dry run is kept, and can be applied once. */

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis, clock: leapingClock() })
const { producer, store, org, sandbox } = world
const worker = await world.startWorker()

let blocks = 0
const fresh = (count: number) => ids18(count, 10_000 * ++blocks)
const dryRun = (ids: readonly string[], fields = {}) =>
  deleteIds(world, ids, { dryRun: true, ...fields })
const lotsOf = async (id: string) =>
  (await store.staging.lots()).filter(({ request }) => request === id.toLowerCase())
const rowsDeleted = () => sandbox.referee.stats().rowsDeleted

describe('the plan of a dry run', () => {
  test('is kept, and approving it deletes exactly these ids as a new request', async () => {
    const ids = fresh(30)
    const before = rowsDeleted()
    const labels = { ticket: '4711' }
    const planned = await dryRun([...ids, ids[3] ?? ''], {
      id: 'Plan-1',
      reason: 'Art. 17',
      labels,
    })
    assert.deepEqual([planned.status, planned.outcome], ['planned', null])
    assert.equal(rowsDeleted(), before)
    const view = await producer.inspect('Plan-1', { org })
    assert.equal(view?.keptPlan?.appliedAs, null)
    assert.ok(Date.parse(view?.keptPlan?.until ?? '') > Date.parse(planned.finishedAt))
    assert.equal((await lotsOf('Plan-1')).length, 1)

    const by = { org, by: 'alice', reason: 'checked', plan: planned.plan?.sha256 ?? '' }
    assert.deepEqual(await producer.approve('plan-1', by), { id: 'Plan-1-apply' })
    const receipt = await receiptOf(world, 'Plan-1-apply')
    assert.deepEqual([receipt.status, receipt.outcome], ['completed', outcome({ deleted: 30 })])
    assert.deepEqual(
      [receipt.plan?.sha256, receipt.plan?.read, receipt.plan?.duplicate],
      [planned.plan?.sha256, 30, 0],
    )
    assert.deepEqual(
      [receipt.appliesPlanOf, receipt.reason, receipt.approvedBy?.actor],
      ['Plan-1', 'Art. 17', 'alice'],
    )
    assert.equal(receipt.approvedBy?.reason, 'checked')
    assert.deepEqual(receipt.labels, labels)
    assert.equal(rowsDeleted(), before + 30)
    assert.deepEqual(await lotsOf('Plan-1'), [])
    const after = await producer.inspect('Plan-1', { org })
    assert.deepEqual([after?.status, after?.keptPlan?.appliedAs], ['planned', 'plan-1-apply'])
  })

  test('is applied once, however often and by however many it is approved', async () => {
    await dryRun(fresh(5), { id: 'often' })
    const before = rowsDeleted()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => producer.approve('often', { org })),
    )
    assert.deepEqual(new Set(answers.map(({ id }) => id)), new Set(['often-apply']))
    await receiptOf(world, 'often-apply')
    assert.equal((await producer.approve('often', { org })).id, 'often-apply')
    await assert.rejects(producer.approve('often', { org, as: 'another' }), PlanAppliedError)
    assert.equal(rowsDeleted(), before + 5)
    assert.equal(await producer.inspect('another', { org }), null)
  })

  test('is applied under one of two ids that are given at once', async () => {
    await dryRun(fresh(5), { id: 'race' })
    const answers = await Promise.allSettled(
      ['race-a', 'race-b'].map((as) => producer.approve('race', { org, as })),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    const found = await Promise.all(['race-a', 'race-b'].map((id) => producer.inspect(id, { org })))
    assert.equal(found.filter((view) => view !== null).length, 1)
  })

  test('is not applied if it is not the one that was reviewed', async () => {
    await dryRun(fresh(5), { id: 'reviewed' })
    const plan = 'f'.repeat(64)
    await assert.rejects(producer.approve('reviewed', { org, plan }), PlanChangedError)
    assert.equal(await producer.inspect('reviewed-apply', { org }), null)
  })

  test('is not applied under what is no id of a request', async () => {
    await dryRun(fresh(2), { id: 'ill-named' })
    for (const as of ['../elsewhere', 'a:b', '']) {
      await assert.rejects(producer.approve('ill-named', { org, as }), { code: 'INVALID_REQUEST' })
    }
    assert.equal((await producer.inspect('ill-named', { org }))?.keptPlan?.appliedAs, null)
  })

  test('keeps its count of ids without checksum, which the dry run has accepted', async () => {
    const ids = fresh(3).map((id) => id.slice(0, 15))
    const planned = await dryRun(ids, { id: 'unchecked', onUnchecked: 'accept' })
    assert.equal(planned.plan?.unchecked, 3)
    await producer.approve('unchecked', { org })
    const receipt = await receiptOf(world, 'unchecked-apply')
    assert.deepEqual([receipt.status, receipt.plan?.unchecked], ['completed', 3])
  })

  test('of ids of which some were skipped is applied without those', async () => {
    const planned = await dryRun([...fresh(3), id18(1, '00Q')], { id: 'skip', onInvalid: 'skip' })
    assert.equal(planned.plan?.invalid, 1)
    await producer.approve('skip', { org })
    const { status, plan, outcome: done, error } = await receiptOf(world, 'skip-apply')
    assert.deepEqual([status, plan?.invalid, error], ['completed', 0, null])
    assert.deepEqual(done, outcome({ deleted: 3 }))
  })

  test('of a file is applied whatever its Id column is called, and whatever the file holds then', async () => {
    const path = join(world.folder, 'named.csv')
    await writeFile(path, ['Name,Who', ...fresh(3).map((id) => `x,${id}`), ''].join('\n'))
    const source = { type: 'file' as const, path, column: 'Who' }
    await producer.submit({ org, object: 'Contact', source, dryRun: true, id: 'named' })
    await receiptOf(world, 'named')
    await writeFile(path, 'Id\n')
    await producer.approve('named', { org })
    const { status, error, outcome: done } = await receiptOf(world, 'named-apply')
    assert.deepEqual([status, error, done], ['completed', null, outcome({ deleted: 3 })])
  })

  test('that came to nothing, or was refused, is not kept', async () => {
    assert.equal((await dryRun([], { id: 'empty' })).status, 'planned')
    await assert.rejects(producer.approve('empty', { org }), PlanExpiredError)
    assert.equal((await dryRun([id18(1, '00Q')], { id: 'refused' })).status, 'refused')
    await assert.rejects(producer.approve('refused', { org }), NotWaitingError)
    for (const id of ['empty', 'refused']) assert.deepEqual(await lotsOf(id), [])
  })

  test('is held to the guard rails that the org has when it is applied', async () => {
    await dryRun(fresh(8), { id: 'rails' })
    const known = await store.ledger.rails()
    assert.ok(known !== null)
    await store.ledger.changeRails({ from: known, to: { ...known.rails, maxRecords: 7 } })
    await producer.approve('rails', { org })
    const receipt = await receiptOf(world, 'rails-apply')
    await store.ledger.changeRails({ from: await store.ledger.rails(), to: known.rails })
    assert.deepEqual([receipt.status, receipt.error?.code], ['refused', 'TOO_MANY_RECORDS'])
    assert.equal((await producer.approve('rails', { org, as: 'rails-2' })).id, 'rails-2')
    assert.equal((await receiptOf(world, 'rails-2')).status, 'completed')
  })

  test('can be cancelled and charged like any request of its submitter', async () => {
    const limits = { recordsPerHour: 6, recordsPerDay: null, files: null }
    const source = { type: 'ids' as const, ids: fresh(5) }
    const request = { org, object: 'Contact', source, dryRun: true, id: 'charged' }
    await producer.submit(request, undefined, { submittedBy: 'crm', limits })
    await receiptOf(world, 'charged')
    await producer.approve('charged', { org })
    const { submittedBy } = await receiptOf(world, 'charged-apply')
    assert.equal(submittedBy, 'crm')
    const more = { ...request, id: 'more', dryRun: false, source: { ...source, ids: fresh(2) } }
    await assert.rejects(producer.submit(more, undefined, { submittedBy: 'crm', limits }), {
      code: 'BUDGET_EXCEEDED',
    })
  })
})

test('a plan that may need an approval notes how many records the org has, if it says so', async () => {
  await dryRun(fresh(2), { id: 'counted' })
  assert.equal((await producer.inspect('counted', { org }))?.objectRecords, 1_000_000)
  const forbidden = { do: 'answer', status: 403, errorCode: 'API_DISABLED_FOR_ORG' } as const
  sandbox.faults.add({ on: 'recordCount', times: 1, action: forbidden })
  assert.equal((await dryRun(fresh(2), { id: 'uncounted' })).status, 'planned')
  assert.equal((await producer.inspect('uncounted', { org }))?.objectRecords, null)
})

test('a plan that is not the expected one is refused, with what was expected and what came', async () => {
  const ids = fresh(4)
  const { plan } = await dryRun(ids)
  const expectSha256 = plan?.sha256 ?? ''
  const right = await deleteIds(world, ids, { expectCount: 4, expectSha256 })
  assert.equal(right.status, 'completed')
  const before = rowsDeleted()
  const { status, error } = await deleteIds(world, fresh(5), { expectCount: 4, expectSha256 })
  assert.deepEqual([status, error?.code], ['refused', 'OTHER_PLAN'])
  assert.match(
    error?.message ?? '',
    /expected 4 records, got 5; expected the SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}/,
  )
  assert.equal(rowsDeleted(), before)
})

test('a kept plan is dropped when its time is over, and cannot be applied then', async () => {
  await dryRun(fresh(5), { id: 'old' })
  const { ledger, redis } = store
  await redis.hset(ledger.keys.request('old'), 'kept', JSON.stringify({ until: 1, lists: 1 }))
  await assert.rejects(producer.approve('old', { org }), PlanExpiredError)
  assert.equal(await producer.inspect('old-apply', { org }), null)
  // The worker may have taken the turn to sweep.
  await poll(async () => {
    await sweepNow()
    return (await lotsOf('old')).length === 0 ? true : null
  })
})

test('a plan that is being applied outlives its time until it is read', async () => {
  await worker.stop()
  const id = await submitIds(world, fresh(5), { id: 'late', dryRun: true })
  const second = await world.startWorker()
  await statusReached(world, id, 'planned')
  await second.stop()
  await producer.approve('late', { org })
  const { ledger, redis } = store
  await redis.hset(ledger.keys.request('late'), 'kept', JSON.stringify({ until: 1, lists: 1 }))
  await sweepNow()
  assert.equal((await lotsOf('late')).length, 1)
  await world.startWorker()
  assert.equal((await receiptOf(world, 'late-apply')).status, 'completed')
})

test('a plan outlives a request that was cancelled before it applied it', async (t) => {
  const own = await startWorld(t, { redis, clock: leapingClock() })
  const first = await own.startWorker()
  await deleteIds(own, fresh(5), { id: 'again', dryRun: true })
  await first.stop()
  await own.producer.approve('again', { org: own.org })
  await own.producer.cancel('again-apply', { org: own.org })
  await planByHand(own, 'again-apply', await plannerDeps(own))
  assert.equal((await receiptOf(own, 'again-apply')).status, 'cancelled')
  await sweepNow(own)
  await own.producer.approve('again', { org: own.org, as: 'again-2' })
  await own.startWorker()
  assert.deepEqual((await receiptOf(own, 'again-2')).outcome, outcome({ deleted: 5 }))
})

test('a worker of a version without kept plans deletes nothing but the plan', async (t) => {
  const own = await startWorld(t, { redis, clock: leapingClock() })
  const path = join(own.folder, 'ids.csv')
  const csvOf = (ids: readonly string[]) => ['Id', ...ids, ''].join('\n')
  await writeFile(path, csvOf(fresh(5)))
  const source = { type: 'file' as const, path }
  const first = await own.startWorker()
  await own.producer.submit({ org: own.org, object: 'Contact', source, dryRun: true, id: 'older' })
  await receiptOf(own, 'older')
  await first.stop()
  await writeFile(path, csvOf(fresh(6)))
  await own.producer.approve('older', { org: own.org })
  const deps = await plannerDeps(own, {
    ledger: (real) => ({
      load: async (id) => {
        const record = await real.load(id)
        return record && { ...record, takes: null }
      },
    }),
  })
  await planByHand(own, 'older-apply', deps)
  const record = await own.store.ledger.load('older-apply')
  assert.deepEqual([record?.status, record?.receipt?.error?.code], ['failed', 'SOURCE_CHANGED'])
})

test('a kept plan with other ids than those of its digest is refused, and is to be made again', async (t) => {
  const own = await startWorld(t, { redis })
  const stopping = await own.startWorker()
  await deleteIds(own, fresh(5), { id: 'damaged', dryRun: true })
  await stopping.stop()
  await own.producer.approve('damaged', { org: own.org })
  const key = own.store.ledger.keys.request('damaged-apply')
  const { takes } = (await own.store.ledger.load('damaged-apply')) ?? {}
  assert.ok(takes)
  const plan = { ...takes.plan, sha256: '0'.repeat(64) }
  await own.store.redis.hset(key, 'takes', JSON.stringify({ ...takes, plan }))
  await own.startWorker()
  const { error } = await receiptOf(own, 'damaged-apply')
  assert.equal(error?.code, 'OTHER_PLAN')
  assert.match(
    error?.message ?? '',
    /got [0-9a-f]{64}\. .*make the plan again.* Nothing was deleted\.$/,
  )
  assert.equal(own.sandbox.referee.stats().rowsDeleted, 0)
})

test('a worker that dies while it reads a kept plan leaves it to the next one', async (t) => {
  const own = await startWorld(t, { redis, clock: leapingClock() })
  const first = await own.startWorker()
  const ids = fresh(30)
  await deleteIds(own, ids, { id: 'crash', dryRun: true })
  await first.stop()
  await own.producer.approve('crash', { org: own.org })
  const steps = ['stage', 'planned', 'drop'] as const
  for (const step of steps) {
    const died = new Error('died')
    const die = async () => Promise.reject(died)
    const deps = await plannerDeps(own, {
      ...(step === 'stage' ? { staging: die } : {}),
      ledger: (real) => ({
        ...real,
        // A process that dies hands nothing back.
        handBackPlanning: async () => {},
        ...(step === 'planned' ? { planned: die } : {}),
      }),
    })
    const { staging } = deps.store
    const dropless = step === 'drop' ? { ...staging, drop: die } : staging
    await assert.rejects(
      planByHand(own, 'crash-apply', { ...deps, store: { ...deps.store, staging: dropless } }),
      died,
    )
    await own.store.redis.del(
      own.store.ledger.keys.lock({ queue: 'requests', jobId: 'p-crash-apply' }),
    )
  }
  assert.equal(own.sandbox.referee.stats().rowsDeleted, 0)
  await own.startWorker()
  const receipt = await receiptOf(own, 'crash-apply')
  assert.deepEqual([receipt.status, receipt.outcome], ['completed', outcome({ deleted: 30 })])
  const kept = async () => (await own.store.staging.lots()).filter((lot) => lot.request === 'crash')
  await poll(async () => ((await kept()).length === 0 ? true : null))
})

async function sweepNow(of = world): Promise<void> {
  await of.store.redis.del(of.store.ledger.keys.sweeper)
  await sweep({ ...(await plannerDeps(of)), intervalMs: 1 }, context())
}
