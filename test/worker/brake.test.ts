import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { RowRules } from '../../src/sandbox/sandbox.ts'
import { assertAccount, cleared } from '../helpers/account.ts'
import { leapingClock } from '../helpers/clock.ts'
import { deleteIds, linesOf, outcome } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'

/** The brake: where too many ids are not deleted, no more are sent. */

const scope = inReverse(after)
const redis = await startRedis(scope)

const IDS = ids18(3000)
const fail = (from: number, to: number): RowRules => ({
  rules: [{ code: 'DELETE_FAILED', ids: IDS.slice(from, to) }],
})

const GONE: RowRules = { rules: [{ code: 'ENTITY_IS_DELETED' }] }

interface Case {
  readonly count: number
  readonly rows: RowRules
  /** Left out: the default of a half. */
  readonly maxFailureRatio?: number | null
  readonly outcome: Parameters<typeof outcome>[0]
  /** Rows of a job at most; left out: 500. */
  readonly jobRows?: number
  /** Rows of each job that was sent, one after the other. */
  readonly sent: readonly number[]
}

const PULLED: Readonly<Record<string, Case>> = {
  'all of the first job failed': {
    ...{ count: 3000, rows: fail(0, 501), sent: [500] },
    outcome: { failed: 500, unprocessed: 2500 },
  },
  'twenty-five failed of twenty-five': {
    ...{ count: 50, jobRows: 25, rows: fail(0, 50), sent: [25] },
    outcome: { failed: 25, unprocessed: 25 },
  },
  'a single row failed where none may': {
    ...{ count: 3000, rows: fail(999, 1000), maxFailureRatio: 0, sent: [500, 500] },
    outcome: { deleted: 999, failed: 1, unprocessed: 2000 },
  },
  'the share is reached late': {
    ...{ count: 3000, rows: fail(900, 3000), sent: [500, 500, 500, 500, 500] },
    outcome: { deleted: 900, failed: 1600, unprocessed: 500 },
  },
  'only rows that would go again are left': {
    count: 500,
    rows: {
      rules: [
        { code: 'UNABLE_TO_LOCK_ROW', ids: IDS.slice(0, 200) },
        { code: 'DELETE_FAILED', ids: IDS.slice(200, 500) },
      ],
    },
    sent: [500],
    outcome: { failed: 300, unprocessed: 200 },
  },
}

const NOT_PULLED: Readonly<Record<string, Case>> = {
  'exactly half have failed': {
    ...{ count: 2000, sent: [500, 500, 500, 500] },
    rows: { rules: [{ code: 'DELETE_FAILED', ids: IDS.filter((_, at) => at % 2 === 0) }] },
    outcome: { deleted: 1000, failed: 1000 },
  },
  'all fail, but they are too few to say so': {
    ...{ count: 48, jobRows: 24, rows: fail(0, 24), sent: [24, 24] },
    outcome: { deleted: 24, failed: 24 },
  },
  'two of three have failed': {
    ...{ count: 3, jobRows: 1, rows: fail(0, 2), sent: [1, 1, 1] },
    outcome: { deleted: 1, failed: 2 },
  },
  'all of it was gone before': {
    ...{ count: 1500, rows: GONE, sent: [500, 500, 500] },
    outcome: { alreadyGone: 1500 },
  },
  'rows fail for a passing reason': {
    ...{ count: 1000, sent: [500, 500, 500, 500] },
    rows: { rules: [{ code: 'UNABLE_TO_LOCK_ROW', times: 1 }] },
    outcome: { deleted: 1000 },
  },
  'the share may be all': {
    ...{ count: 1500, rows: fail(0, 1500), maxFailureRatio: 1, sent: [500, 500, 500] },
    outcome: { failed: 1500 },
  },
  'it was taken off': {
    ...{ count: 1500, rows: fail(0, 1500), maxFailureRatio: null, sent: [500, 500, 500] },
    outcome: { failed: 1500 },
  },
  'nothing is left to hold back': {
    ...{ count: 500, rows: fail(0, 500), sent: [500], outcome: { failed: 500 } },
  },
}

async function run(t: Parameters<typeof startWorld>[0], one: Case) {
  const world = await startWorld(t, {
    ...{ redis, clock: leapingClock(), org: { maxJobRecords: one.jobRows ?? 500, maxInFlight: 1 } },
    sandbox: { rows: one.rows, queueDelayMs: 0 },
  })
  await world.startWorker()
  const { maxFailureRatio } = one
  const ids = IDS.slice(0, one.count)
  const receipt = await deleteIds(
    world,
    ids,
    maxFailureRatio === undefined ? {} : { maxFailureRatio },
  )
  assert.deepEqual(receipt.outcome, outcome(one.outcome))
  const { jobs } = world.sandbox.referee.stats()
  assert.deepEqual(
    jobs.map(({ rows }) => rows),
    one.sent,
  )
  await assertAccount(world, ids, receipt)
  await cleared(world, receipt.id)
  return { world, receipt }
}

describe('the brake is pulled where', { concurrency: 4 }, () => {
  for (const [title, one] of Object.entries(PULLED)) {
    test(title, async (t) => {
      const { world, receipt } = await run(t, one)
      assert.deepEqual([receipt.status, receipt.error?.code], ['incomplete', 'TOO_MANY_FAILURES'])
      const unprocessed = await linesOf(world, receipt.id, 'unprocessed.csv')
      assert.equal(unprocessed?.length, one.outcome.unprocessed)
    })
  }
})

describe('the brake is not pulled where', { concurrency: 4 }, () => {
  for (const [title, one] of Object.entries(NOT_PULLED)) {
    test(title, async (t) => {
      const { receipt } = await run(t, one)
      const { failed = 0 } = one.outcome
      assert.equal(receipt.status, failed > 0 ? 'incomplete' : 'completed')
      assert.equal(receipt.error, null)
    })
  }
})

/** Slow enough for its counters to be seen, some turns of 200 rows each. */
const SLOW = { rowsPerSecond: 4000, queueDelayMs: 0 }

/** One job of all ids, that can be looked at while it runs. */
async function runSlowly(
  t: Parameters<typeof startWorld>[0],
  rows: RowRules,
  fields: { readonly maxFailureRatio?: number } = {},
) {
  const world = await startWorld(t, { redis, clock: leapingClock(), sandbox: { ...SLOW, rows } })
  await world.startWorker()
  const receipt = await deleteIds(world, IDS, fields)
  await assertAccount(world, IDS, receipt)
  await cleared(world, receipt.id)
  return { world, receipt, states: receipt.ingestJobs.map(({ state }) => state) }
}

describe('a job at work', () => {
  test('that goes wrong is aborted, and its request ends with it', async (t) => {
    const rows = { rules: [{ code: 'DELETE_FAILED', ratio: 0.6 }] }
    const { receipt, states } = await runSlowly(t, rows, { maxFailureRatio: 0.1 })
    assert.deepEqual([receipt.status, receipt.error?.code], ['incomplete', 'TOO_MANY_FAILURES'])
    assert.match(receipt.error?.message ?? '', /^\d+ of \d+ ids were not deleted, more than .*0.1/)
    assert.deepEqual(states, ['Aborted'])
    assert.ok((receipt.outcome?.unprocessed ?? 0) > 0)
  })

  test('that finds all gone is aborted at 200 rows, perhaps at 2,000, and goes on', async (t) => {
    const { receipt, states } = await runSlowly(t, GONE)
    assert.deepEqual([receipt.status, receipt.error], ['completed', null])
    assert.deepEqual(receipt.outcome, outcome({ alreadyGone: IDS.length }))
    assert.equal(states.at(-1), 'JobComplete')
    assert.ok(states.length <= 3, `${states}`)
  })

  test('of which rows are locked goes again, and is no failure', async (t) => {
    const rows = { rules: [{ code: 'UNABLE_TO_LOCK_ROW', times: 1 }] }
    const { receipt, states } = await runSlowly(t, rows)
    assert.deepEqual([receipt.status, receipt.error], ['completed', null])
    assert.deepEqual([states[0], states.at(-1)], ['Aborted', 'JobComplete'])
  })

  test('of which as many fail as may is left alone', async (t) => {
    const rows = { rules: [{ code: 'DELETE_FAILED', ratio: 0.3 }] }
    const { receipt, states } = await runSlowly(t, rows)
    assert.deepEqual([receipt.status, receipt.error], ['incomplete', null])
    assert.deepEqual(states, ['JobComplete'])
  })
})

test('two workers: what one finds out stops the jobs of the other', async (t) => {
  const org = { maxJobRecords: 1000, maxInFlight: 3 }
  const rows = { rules: [{ code: 'DELETE_FAILED', ratio: 0.9 }] }
  const options = { redis, clock: leapingClock(), org, sandbox: { ...SLOW, rows } }
  const world = await startWorld(t, options)
  await world.startWorker()
  await world.startWorker()
  const receipt = await deleteIds(world, IDS)
  assert.equal(receipt.error?.code, 'TOO_MANY_FAILURES')
  assert.ok((receipt.outcome?.unprocessed ?? 0) > 0)
  await assertAccount(world, IDS, receipt)
  await cleared(world, receipt.id)
})
