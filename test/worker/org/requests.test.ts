import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, afterEach, describe, test } from 'node:test'
import { NotWaitingError } from '../../../src/producer/producer.ts'
import { createSalesforce } from '../../../src/shared/salesforce/client.ts'
import { viewOf } from '../../../src/shared/store/request-view.ts'
import { readOrgState } from '../../../src/shared/store/waiting.ts'
import { leapingClock } from '../../helpers/clock.ts'
import {
  deleteIds,
  linesOf,
  outcome,
  receiptOf,
  statusReached,
  submitIds,
} from '../../helpers/deletion.ts'
import { id18, ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)
const org = { maxJobRecords: 50, maxRecords: 200, hardDelete: true }
const world = await startWorld(scope, { redis, clock: leapingClock(), org })
await world.startWorker({ audit: { keepDeleted: true } })

afterEach(() => {
  world.sandbox.setRows({})
  world.sandbox.faults.clear()
})

let used = 0
function fresh(count: number): string[] {
  used += count
  return ids18(count, used - count)
}
const jobs = () => world.sandbox.referee.stats().jobs.length

describe('a request', () => {
  test('without a row completes, and nothing is sent', async () => {
    const before = jobs()
    const receipt = await deleteIds(world, [])
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(receipt.outcome, outcome({}))
    assert.equal(receipt.plan?.accepted, 0)
    assert.equal(jobs(), before)
  })

  test('that is a dry run ends with its plan, and nothing is sent or left staged', async () => {
    const before = jobs()
    const receipt = await deleteIds(world, fresh(120), { dryRun: true })
    assert.equal(receipt.status, 'planned')
    assert.equal(receipt.plan?.accepted, 120)
    assert.equal(receipt.plan?.chunks, 3)
    assert.equal(receipt.outcome, null)
    assert.equal(jobs(), before)
  })

  test('of ids in every form lists what was deleted where the audit option is on', async () => {
    const ids = fresh(60)
    world.sandbox.setRows({
      rules: [
        { code: 'ENTITY_IS_DELETED', ids: ids.slice(0, 3) },
        { code: 'DELETE_FAILED', ids: ids.slice(3, 5) },
      ],
    })
    const receipt = await deleteIds(world, ids)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 55, alreadyGone: 3, failed: 2 }))
    const deleted = await linesOf(world, receipt.id, 'deleted.csv')
    assert.deepEqual(deleted?.toSorted(), ids.slice(5).sort())
  })

  test('with a bad row is refused before anything is sent, and the row is listed', async () => {
    const before = jobs()
    const receipt = await deleteIds(world, [...fresh(2), 'jane.doe@example.com'])
    assert.equal(receipt.status, 'refused')
    assert.equal(receipt.error?.code, 'INVALID_ROWS')
    assert.equal(receipt.outcome, null)
    const [row = ''] = (await linesOf(world, receipt.id, 'invalid.csv')) ?? []
    assert.match(row, /^3,/)
    assert.doesNotMatch(row, /jane\.doe/)
    assert.equal(jobs(), before)
  })

  test('past a guard rail is refused, whoever enqueued it', async () => {
    const refused = async (ids: readonly string[], fields: Parameters<typeof deleteIds>[2]) => {
      const { status, error, outcome } = await deleteIds(world, ids, fields)
      assert.equal(outcome, null)
      return [status, error?.code]
    }
    assert.deepEqual(await refused(fresh(11), { maxRecords: 10 }), ['refused', 'TOO_MANY_RECORDS'])
    assert.deepEqual(await refused(fresh(201), { maxRecords: 5000 }), [
      'refused',
      'TOO_MANY_RECORDS',
    ])
    assert.deepEqual(await refused([id18(1, '00Q')], {}), ['refused', 'INVALID_ROWS'])
  })

  test('of a file that is not there fails, and says so', async () => {
    const { request } = await world.producer.submit({
      org: world.org,
      object: 'Contact',
      source: { type: 'file', path: join(world.folder, 'nowhere.csv') },
    })
    const receipt = await receiptOf(world, request.id)
    assert.equal(receipt.status, 'failed')
    assert.equal(receipt.error?.code, 'SOURCE_NOT_FOUND')
  })

  test('of an upload is planned from the very bytes', async () => {
    const ids = fresh(30)
    const { request } = await world.producer.submit(
      { org: world.org, object: 'Contact', source: { type: 'upload' } },
      (async function* () {
        for (const id of ['Id', ...ids]) yield Buffer.from(`${id}\n`)
      })(),
    )
    const receipt = await receiptOf(world, request.id)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 30 }))
  })

  test('for hardDelete without the permission fails with the code of Salesforce', async () => {
    const receipt = await deleteIds(world, fresh(2), { operation: 'hardDelete' })
    assert.equal(receipt.status, 'failed')
    assert.equal(receipt.error?.code, 'FEATURENOTENABLED')
  })

  test('for hardDelete deletes where the user has the permission', async () => {
    world.sandbox.configure({ allowHardDelete: true })
    const receipt = await deleteIds(world, fresh(4), { operation: 'hardDelete' })
    assert.deepEqual(receipt.outcome, outcome({ deleted: 4 }))
    assert.equal(world.sandbox.referee.stats().jobs.at(-1)?.operation, 'hardDelete')
  })
})

describe('a plan that awaits approval', () => {
  test('goes ahead once approved, and approving it again is harmless', async () => {
    const before = jobs()
    const id = await submitIds(world, fresh(5), { approval: 'required' })
    await statusReached(world, id, 'awaiting-approval')
    assert.equal(jobs(), before)
    await world.producer.approve(id, { org: world.org })
    await world.producer.approve(id, { org: world.org })
    assert.equal((await receiptOf(world, id)).status, 'completed')
    await assert.rejects(world.producer.approve(id, { org: world.org }), NotWaitingError)
  })

  test('is turned down, and nothing is sent; approving it then is refused', async () => {
    const before = jobs()
    const id = await submitIds(world, fresh(5), { approval: 'required' })
    await statusReached(world, id, 'awaiting-approval')
    await world.producer.decline(id, { org: world.org })
    await assert.rejects(world.producer.approve(id, { org: world.org }), NotWaitingError)
    const receipt = await receiptOf(world, id)
    assert.equal(receipt.status, 'cancelled')
    assert.equal(receipt.error?.code, 'NOT_APPROVED')
    assert.equal(receipt.plan?.accepted, 5)
    assert.equal(receipt.outcome, null)
    assert.equal(jobs(), before)
  })
})

test('an urgent request overtakes a backlog that fills the window', async () => {
  const { maxInFlight } = world.config.orgs.get(world.org) ?? { maxInFlight: 0 }
  world.sandbox.faults.add({ on: 'job', times: maxInFlight, action: { do: 'hold' } })
  const backlog = await Promise.all(
    Array.from({ length: Math.ceil(maxInFlight / 4) }, () => submitIds(world, fresh(200))),
  )
  await world.sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === maxInFlight)
  const urgent = await deleteIds(world, fresh(10), { priority: 'high' })
  assert.equal(urgent.status, 'completed')
  const { jobs: all } = world.sandbox.referee.stats()
  for (const job of all.filter(({ state }) => state === 'InProgress')) await abort(job.id)
  for (const id of backlog) assert.notEqual((await receiptOf(world, id)).outcome, null)
})

test('a request that is being deleted tells how far it is', async () => {
  world.sandbox.faults.add({ on: 'job', nth: 2, action: { do: 'hold', afterRows: 7 } })
  const id = await submitIds(world, fresh(100))
  const look = () => world.producer.inspect(id, { org: world.org })
  let view = await look()
  while (view?.progress?.running !== 7 || view.progress.chunksOpen !== 1) view = await look()
  assert.equal(view.status, 'deleting')
  assert.equal(view.plan?.accepted, 100)
  assert.deepEqual(view.progress.outcome, outcome({ deleted: 50 }))
  const [record, state] = await Promise.all([
    world.store.ledger.load(id),
    readOrgState(world.store),
  ])
  assert.ok(record?.plannedAt)
  const now = record.plannedAt + 57_000
  const { progress } = await viewOf(world.store, record, { ...state, now })
  assert.equal(progress?.expectedEnd, new Date(record.plannedAt + 100_000).toISOString())
  assert.equal(view.receipt, null)
  for (const { state, id: job } of world.sandbox.referee.stats().jobs) {
    if (state === 'InProgress') await abort(job)
  }
  const receipt = await receiptOf(world, id)
  assert.deepEqual(receipt.outcome, outcome({ deleted: 100 }))
  assert.deepEqual(
    receipt.ingestJobs.map(({ state, records, attempt }) => [state, records, attempt]).sort(),
    [
      ['Aborted', 50, 1],
      ['JobComplete', 43, 2],
      ['JobComplete', 50, 1],
    ],
  )
  const ended = await look()
  assert.deepEqual([ended?.progress, ended?.receipt], [null, receipt])
})

test('two requests at once each get their own verdicts', async () => {
  const [one, two] = [fresh(120), fresh(90)]
  world.sandbox.setRows({
    rules: [
      { code: 'DELETE_FAILED', ids: one.slice(0, 10) },
      { code: 'ENTITY_IS_DELETED', ids: two.slice(0, 20) },
    ],
  })
  const [a, b] = await Promise.all([deleteIds(world, one), deleteIds(world, two)])
  assert.deepEqual(a?.outcome, outcome({ deleted: 110, failed: 10 }))
  assert.deepEqual(b?.outcome, outcome({ deleted: 70, alreadyGone: 20 }))
})

test('no rule of the API was broken', () => {
  const { violationCounts, deletedTwice } = world.sandbox.referee.stats()
  assert.deepEqual(violationCounts, {})
  assert.equal(deletedTwice, 0)
})

async function abort(jobId: string): Promise<void> {
  const credentials = world.config.orgs.get(world.org)?.credentials
  assert.ok(credentials)
  const salesforce = createSalesforce({ credentials, apiVersion: '61.0', proxyEnv: {} })
  await salesforce.ingest.abort(jobId)
  salesforce.close()
}
