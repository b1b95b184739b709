import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { DeletionRequestInput } from '../../src/producer/producer.ts'
import { leapingClock } from '../helpers/clock.ts'
import { deleteIds, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { poll } from '../helpers/poll.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** In the sandbox every tenth segment and flow is active, and each campaign has one flow. */

const redis = await startRedis({ after })
const PREFIXES = { MarketSegment: '1sg', FlowRecord: '2aF', Campaign: '701', Contact: '003' }
type Watched = keyof typeof PREFIXES

describe('the state of the records of a plan', () => {
  const scope = inReverse(after)
  let world: World
  before(async () => {
    world = await startWorld(scope, { redis, clock: leapingClock() })
    await world.startWorker()
  })

  const ofObject = (object: Watched, count: number, from = 0) =>
    ids18(count, from, PREFIXES[object])
  const plan = async (
    object: Watched,
    count: number,
    fields: Partial<DeletionRequestInput> = {},
  ) => {
    const { source: _, org: __, ...others } = fields
    return deleteIds(world, ofObject(object, count), { object, dryRun: true, ...others })
  }
  const queries = () => world.sandbox.referee.stats().calls['query']?.received ?? 0

  test('is shown with the plan and in the receipt', async () => {
    const segments = await plan('MarketSegment', 40)
    assert.deepEqual(segments.preflight, {
      ...{ sampled: 40, found: 40, active: 4 },
      byField: {
        SegmentStatus: { Active: 4, Inactive: 36 },
        PublishStatus: { Publishing: 2, none: 36, Success: 2 },
      },
    })
    const flows = await plan('FlowRecord', 30)
    assert.deepEqual(flows.preflight?.byField, {
      ProgressStatus: { InProgress: 3, Draft: 27 },
      ActiveVersionId: { set: 3, none: 27 },
    })
    const view = await world.producer.inspect(flows.id, { org: world.org })
    assert.deepEqual(view?.preflight, flows.preflight)
  })

  test('of a campaign is that of its flows', async () => {
    const { preflight } = await plan('Campaign', 20)
    assert.deepEqual([preflight?.sampled, preflight?.found, preflight?.active], [20, 20, 2])
  })

  test('is read of 200 of them at most, spread over the plan, by one call', async () => {
    const before = queries()
    const { preflight } = await plan('MarketSegment', 5000)
    assert.equal(queries() - before, 1)
    const { sampled = 0, active = 0 } = preflight ?? {}
    assert.ok(sampled > 100 && sampled <= 200, `${sampled} of 5000`)
    assert.ok(active > 0 && active < sampled, `${active} of ${sampled}`)
  })

  test('is not asked for of objects that have none', async () => {
    const before = queries()
    assert.equal((await plan('Contact', 10)).preflight, null)
    assert.equal(queries() - before, 0)
  })

  test('holds up no plan if the org does not tell it', async (t) => {
    world.sandbox.faults.add({
      on: 'query',
      action: { do: 'answer', status: 400, errorCode: 'INVALID_FIELD', message: 'No such column' },
    })
    t.after(() => world.sandbox.faults.clear())
    const { status, preflight } = await plan('MarketSegment', 10)
    assert.deepEqual([status, preflight], ['planned', null])
  })

  test('refuses the plan if the request refuses active records, whichever of them it is', async () => {
    const before = queries()
    const ids = [...ofObject('MarketSegment', 9, 1), ...ofObject('MarketSegment', 1, 1000)]
    const fields = { object: 'MarketSegment', refuseActive: true, approval: 'auto' } as const
    const { status, error, outcome, preflight } = await deleteIds(world, ids, fields)
    assert.deepEqual([status, error?.code, outcome], ['refused', 'ACTIVE_RECORDS', null])
    assert.match(error?.message ?? '', /^1 of 10 MarketSegment records are active \(SegmentStatus /)
    assert.match(
      error?.message ?? '',
      /SELECT Id FROM MarketSegment WHERE SegmentStatus != 'Inactive'/,
    )
    assert.equal(preflight?.active, 1)
    assert.equal(queries() - before, 1)
    const { jobs } = world.sandbox.referee.stats()
    assert.equal(jobs.filter(({ object }) => object === 'MarketSegment').length, 0)
  })

  test('is read of all records then, and lets idle ones pass', async () => {
    const before = queries()
    const ids = ids18(4000, 0, '1sg').filter((_, n) => n % 10 !== 0)
    const fields = { object: 'MarketSegment', refuseActive: true, dryRun: true } as const
    const { status, preflight } = await deleteIds(world, ids, fields)
    assert.equal(status, 'planned')
    assert.deepEqual([preflight?.sampled, preflight?.active], [3600, 0])
    assert.equal(queries() - before, 9)
  })

  test('that is unknown refuses a plan that refuses active records', async (t) => {
    const contacts = await plan('Contact', 10, { refuseActive: true })
    assert.deepEqual([contacts.status, contacts.error?.code], ['refused', 'ACTIVITY_UNKNOWN'])
    world.sandbox.faults.add({
      on: 'query',
      action: { do: 'answer', status: 400, errorCode: 'INVALID_FIELD', message: 'No such column' },
    })
    t.after(() => world.sandbox.faults.clear())
    const { status, error } = await plan('FlowRecord', 10, { refuseActive: true })
    assert.deepEqual([status, error?.code], ['refused', 'ACTIVITY_UNKNOWN'])
    assert.match(error?.message ?? '', /No such column/)
  })

  test('is not waited for once the request is cancelled', async (t) => {
    const before = queries()
    world.sandbox.faults.add({ on: 'query', action: { do: 'stall' } })
    t.after(() => world.sandbox.faults.clear())
    const ids = ofObject('FlowRecord', 5, 1)
    const id = await submitIds(world, ids, { object: 'FlowRecord', refuseActive: true })
    await poll(async () => (queries() > before ? true : null))
    await world.producer.cancel(id, { org: world.org })
    assert.equal((await receiptOf(world, id)).status, 'cancelled')
  })

  test('is waited for in an outage if the request refuses active records', async (t) => {
    world.sandbox.faults.add({
      on: 'query',
      action: { do: 'answer', status: 503, body: 'html' },
    })
    t.after(() => world.sandbox.faults.clear())
    const ids = ofObject('FlowRecord', 5, 1)
    const id = await submitIds(world, ids, { object: 'FlowRecord', refuseActive: true })
    const { requests } = await world.store.queues()
    await poll(async () => ((await requests.getDelayedCount()) === 1 ? true : null))
    const view = await world.producer.inspect(id, { org: world.org })
    assert.equal(view?.receipt, null)
    await world.producer.cancel(id, { org: world.org })
  })
})
