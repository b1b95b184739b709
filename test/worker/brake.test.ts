import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { RowRules } from '../../src/sandbox/sandbox.ts'
import { assertAccount, cleared } from '../helpers/account.ts'
import { hurried } from '../helpers/clock.ts'
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

interface Case {
  readonly count: number
  readonly rows: RowRules
  /** Left out: the default of a half. */
  readonly maxFailureRatio?: number | null
  readonly outcome: Parameters<typeof outcome>[0]
  /** Rows of each job that was sent, one after the other, 500 each at most. */
  readonly sent: readonly number[]
}

const PULLED: Readonly<Record<string, Case>> = {
  'more than half of the first thousand failed': {
    ...{ count: 3000, rows: fail(0, 501), sent: [500, 500] },
    outcome: { deleted: 499, failed: 501, unprocessed: 2000 },
  },
  'a single row failed where none may': {
    ...{ count: 3000, rows: fail(999, 1000), maxFailureRatio: 0, sent: [500, 500] },
    outcome: { deleted: 999, failed: 1, unprocessed: 2000 },
  },
  'the share is reached late': {
    ...{ count: 3000, rows: fail(900, 2500), sent: [500, 500, 500, 500] },
    outcome: { deleted: 900, failed: 1100, unprocessed: 1000 },
  },
  'only rows that would go again are left': {
    count: 1500,
    rows: {
      rules: [
        { code: 'UNABLE_TO_LOCK_ROW', ids: IDS.slice(0, 200) },
        { code: 'DELETE_FAILED', ids: IDS.slice(200, 1500) },
      ],
    },
    sent: [500, 500, 500],
    outcome: { failed: 1300, unprocessed: 200 },
  },
}

const NOT_PULLED: Readonly<Record<string, Case>> = {
  'exactly half have failed': {
    ...{ count: 2000, rows: fail(0, 500), sent: [500, 500, 500, 500] },
    outcome: { deleted: 1500, failed: 500 },
  },
  'all fail, but they are too few to say so': {
    ...{ count: 999, rows: fail(0, 999), sent: [500, 499], outcome: { failed: 999 } },
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
    ...{ count: 1000, rows: fail(0, 1000), sent: [500, 500], outcome: { failed: 1000 } },
  },
}

async function run(t: Parameters<typeof startWorld>[0], one: Case) {
  const world = await startWorld(t, {
    ...{ redis, clock: hurried, org: { maxJobRecords: 500, maxInFlight: 1 } },
    sandbox: { rows: one.rows, queueDelayMs: 0 },
  })
  const worker = { lockMs: 2000, stalledMs: 1000, resendMs: 600_000 }
  await world.startWorker({ worker })
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
      assert.deepEqual([receipt.status, receipt.error], ['incomplete', null])
    })
  }
})
