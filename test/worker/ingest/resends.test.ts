import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { FaultScript, JobFault, RowRules } from '../../../src/sandbox/sandbox.ts'
import type { Receipt } from '../../../src/shared/contract/receipt.ts'
import { assertAccount, cleared, counted } from '../../helpers/account.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { deleteIds, linesOf, outcome } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'

/** Rows that go again: in each case the account is the org's own, and nothing is left behind. */

const scope = inReverse(after)
const redis = await startRedis(scope)

interface Case {
  readonly count: number
  readonly maxJobRecords?: number
  readonly rows?: RowRules
  readonly faults?: readonly FaultScript[]
  readonly keepDeleted?: boolean
  readonly expected: {
    readonly outcome: Parameters<typeof outcome>[0]
    readonly status: Receipt['status']
    readonly error?: string
    /** Of each ingest job: its state, its records, its attempt. */
    readonly jobs: readonly string[]
    readonly retries: Readonly<Record<string, number>>
  }
}

const IDS = ids18(3000)
const job = (action: JobFault['action'], nth: number | number[] = 1) =>
  ({ on: 'job', nth, action }) as const
const lock = (ids: readonly string[], times?: number) => ({
  ...{ code: 'UNABLE_TO_LOCK_ROW', ids, ...(times === undefined ? {} : { times }) },
})

const COUNTDOWN = [1, 2, 3, 4, 5, 6, 7, 8, 9]

const CASES: Readonly<Record<string, Case>> = {
  'rows that are locked once': {
    count: 100,
    rows: { rules: [lock(IDS.slice(3, 8), 1)] },
    expected: {
      ...{ outcome: { deleted: 100 }, status: 'completed', retries: { row: 1 } },
      jobs: ['JobComplete 100 #1', 'JobComplete 5 #2'],
    },
  },
  'rows that are locked twice, in several jobs': {
    count: 100,
    maxJobRecords: 40,
    rows: { rules: [lock([...IDS.slice(0, 3), ...IDS.slice(90, 92)], 2)] },
    expected: {
      ...{ outcome: { deleted: 100 }, status: 'completed', retries: { row: 4 } },
      jobs: [
        ...['JobComplete 40 #1', 'JobComplete 40 #1', 'JobComplete 20 #1'],
        ...['JobComplete 3 #2', 'JobComplete 2 #2', 'JobComplete 3 #3', 'JobComplete 2 #3'],
      ],
    },
  },
  'rows that are locked always': {
    count: 20,
    rows: { rules: [lock(IDS.slice(0, 4))] },
    expected: {
      ...{ outcome: { deleted: 16, failed: 4 }, status: 'incomplete', retries: { row: 5 } },
      jobs: ['JobComplete 20 #1', ...[2, 3, 4, 5, 6].map((nth) => `JobComplete 4 #${nth}`)],
    },
  },
  'rows that are locked always, too many for the first job to be progress': {
    count: 20,
    rows: { rules: [lock(IDS.slice(0, 19))] },
    expected: {
      ...{ outcome: { deleted: 1, failed: 19 }, status: 'incomplete', retries: { row: 4 } },
      jobs: ['JobComplete 20 #1', ...[2, 3, 4, 5].map((nth) => `JobComplete 19 #${nth}`)],
    },
  },
  'locks that give way slowly, a tenth of the rows in each of ten jobs': {
    count: 100,
    rows: {
      rules: Array.from({ length: 9 }, (_, n) => lock(IDS.slice(10 * n, 10 * n + 10), n + 1)),
    },
    expected: {
      ...{ outcome: { deleted: 100 }, status: 'completed', retries: { row: 9 } },
      jobs: [
        'JobComplete 100 #1',
        ...COUNTDOWN.map((n) => `JobComplete ${100 - 10 * n} #${n + 1}`),
      ],
    },
  },
  'locks that give way only to the fifth job': {
    count: 20,
    rows: { rules: [lock(IDS.slice(0, 4), 4), lock(IDS.slice(4, 20), 5)] },
    expected: {
      ...{ outcome: { deleted: 20 }, status: 'completed', retries: { row: 5 } },
      jobs: [...[1, 2, 3, 4, 5].map((nth) => `JobComplete 20 #${nth}`), 'JobComplete 16 #6'],
    },
  },
  'rows locked inside a trigger, beside rows that fail for good and rows that are gone': {
    count: 50,
    rows: {
      rules: [
        {
          ...{ code: 'CANNOT_EXECUTE_FLOW_TRIGGER', ids: IDS.slice(0, 2), times: 1 },
          message: 'caused by: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access',
        },
        { code: 'DELETE_FAILED', ids: IDS.slice(2, 5) },
        { code: 'ENTITY_IS_DELETED', ids: IDS.slice(5, 9) },
      ],
    },
    expected: {
      ...{ outcome: { deleted: 43, failed: 3, alreadyGone: 4 }, status: 'incomplete' },
      ...{ retries: { row: 1 }, jobs: ['JobComplete 50 #1', 'JobComplete 2 #2'] },
    },
  },
  'rows that no result file mentions, in a job whose counters add up': {
    count: 40,
    rows: {
      rules: [
        { code: 'MISSING_FROM_RESULTS', ids: IDS.slice(0, 6), times: 1 },
        { code: 'DELETE_FAILED', ids: IDS.slice(6, 7) },
        { code: 'ENTITY_IS_DELETED', ids: IDS.slice(7, 9) },
      ],
    },
    expected: {
      ...{ outcome: { deleted: 37, failed: 1, alreadyGone: 2 }, status: 'incomplete' },
      ...{ retries: {}, jobs: ['JobComplete 40 #1'] },
    },
  },
  'rows that no result file mentions, in a job that failed: they were deleted by us': {
    count: 40,
    rows: {
      rules: [
        { code: 'MISSING_FROM_RESULTS', ids: IDS.slice(0, 6), times: 1 },
        { code: 'DELETE_FAILED', ids: IDS.slice(6, 7) },
        { code: 'ENTITY_IS_DELETED', ids: IDS.slice(7, 9) },
      ],
    },
    faults: [job({ do: 'fail', code: 'Unknown', afterRows: 39 })],
    expected: {
      ...{ outcome: { deleted: 37, failed: 1, alreadyGone: 2 }, status: 'incomplete' },
      ...{ retries: { other: 1 }, jobs: ['Failed 40 #1', 'JobComplete 7 #2'] },
    },
  },
  'a job that failed over its locks: in smaller pieces': {
    count: 1200,
    faults: [job({ do: 'fail', code: 'TooManyLockFailure', afterRows: 200 })],
    expected: {
      ...{ outcome: { deleted: 1200 }, status: 'completed', retries: { lock: 1 } },
      jobs: ['Failed 1200 #1', ...[300, 300, 300, 100].map((n) => `JobComplete ${n} #2`)],
    },
  },
  'a job that took too long, and a piece of it again: in still smaller ones': {
    count: 2400,
    faults: [
      job({ do: 'fail', code: 'Timeout', afterRows: 0 }),
      job({ do: 'fail', code: 'Timeout', afterRows: 300 }, 2),
    ],
    expected: {
      ...{ outcome: { deleted: 2400 }, status: 'completed', retries: { timeout: 2 } },
      jobs: [
        ...['Failed 2400 #1', 'Failed 600 #2', ...Array(3).fill('JobComplete 600 #2')],
        ...['JobComplete 200 #3', 'JobComplete 100 #3'],
      ],
    },
  },
  'the day’s allowance that ends in the middle, more often than there are attempts': {
    count: 90,
    faults: [1, 2, 3, 4, 5, 6].map((nth) =>
      job({ do: 'fail', code: 'ExceededQuota', afterRows: 10 }, nth),
    ),
    expected: {
      ...{ outcome: { deleted: 90 }, status: 'completed', retries: { quota: 6 } },
      jobs: [
        ...[90, 80, 70, 60, 50, 40].map((rows, k) => `Failed ${rows} #${k + 1}`),
        'JobComplete 30 #7',
      ],
    },
  },
  'a job that fails for no known reason, five times': {
    count: 100,
    faults: [job({ do: 'fail', code: 'Unknown', afterRows: 4 }, [1, 2, 3, 4, 5])],
    expected: {
      ...{ outcome: { deleted: 20, unprocessed: 80 }, status: 'incomplete' },
      ...{ retries: { other: 4 } },
      jobs: [100, 96, 92, 88, 84].map((rows, k) => `Failed ${rows} #${k + 1}`),
    },
  },
  'a job that fails for no known reason more often, but not before a tenth of its rows': {
    count: 30,
    faults: [job({ do: 'fail', code: 'Unknown', afterRows: 4 }, [1, 2, 3, 4, 5, 6])],
    expected: {
      ...{ outcome: { deleted: 30 }, status: 'completed', retries: { other: 6 } },
      jobs: [
        ...[30, 26, 22, 18, 14, 10].map((rows, k) => `Failed ${rows} #${k + 1}`),
        'JobComplete 6 #7',
      ],
    },
  },
  'a job that Salesforce cannot read is not sent again': {
    count: 30,
    faults: [job({ do: 'fail', code: 'ClientInputError' })],
    expected: {
      ...{ outcome: { unprocessed: 30 }, status: 'incomplete', error: 'INGEST_JOB_FAILED' },
      ...{ retries: {}, jobs: ['Failed 30 #1'] },
    },
  },
  'a job that vanishes before a row is processed': {
    count: 30,
    faults: [job({ do: 'vanish' })],
    expected: {
      ...{ outcome: { deleted: 30 }, status: 'completed', retries: { vanished: 1 } },
      jobs: ['Vanished 30 #1', 'JobComplete 30 #2'],
    },
  },
  'a job that vanishes half-way, among rows that were gone before': {
    count: 30,
    faults: [job({ do: 'vanish', afterRows: 12 })],
    expected: {
      ...{ outcome: { deleted: 30 }, status: 'completed', retries: { vanished: 1 } },
      jobs: ['Vanished 30 #1', 'JobComplete 30 #2'],
    },
  },
  'a job that vanishes five times': {
    count: 10,
    faults: [job({ do: 'vanish' }, [1, 2, 3, 4, 5])],
    expected: {
      ...{ outcome: { unprocessed: 10 }, status: 'incomplete', error: 'JOB_VANISHED' },
      ...{ retries: { vanished: 4 } },
      jobs: [1, 2, 3, 4, 5].map((attempt) => `Vanished 10 #${attempt}`),
    },
  },
  'everything at once, with every deleted id written down': {
    ...{ count: 400, maxJobRecords: 100, keepDeleted: true },
    rows: {
      rules: [
        lock(IDS.slice(0, 10), 1),
        lock(IDS.slice(100, 104)),
        { code: 'DELETE_FAILED', ids: IDS.slice(200, 203) },
        { code: 'ENTITY_IS_DELETED', ids: IDS.slice(300, 302) },
      ],
    },
    faults: [{ on: 'job', nth: 3, action: { do: 'fail', code: 'Timeout', afterRows: 50 } }],
    expected: {
      ...{ outcome: { deleted: 391, failed: 7, alreadyGone: 2 }, status: 'incomplete' },
      ...{ retries: {}, jobs: [] },
    },
  },
}

describe('a request is accounted for to the last id when it meets', { concurrency: 4 }, () => {
  for (const [title, { count, expected, ...one }] of Object.entries(CASES)) {
    test(title, async (t) => {
      const { maxJobRecords = 5000, rows = {}, faults = [], keepDeleted = false } = one
      const world = await startWorld(t, {
        ...{ redis, clock: leapingClock(), org: { maxJobRecords } },
        sandbox: { rows, faults, queueDelayMs: 0 },
      })
      await world.startWorker({ audit: { keepDeleted } })
      const ids = IDS.slice(0, count)
      const receipt = await deleteIds(world, ids, { maxFailureRatio: null })
      assert.equal(receipt.error?.code, expected.error, receipt.error?.message)
      assert.equal(receipt.status, expected.status)
      assert.deepEqual(receipt.outcome, outcome(expected.outcome))
      await assertAccount(world, ids, receipt)
      if (expected.jobs.length > 0) {
        assert.deepEqual(
          receipt.ingestJobs
            .map(({ state, records, attempt }) => `${state} ${records} #${attempt}`)
            .sort(),
          expected.jobs.toSorted(),
        )
        assert.deepEqual(await counted(world.metrics, 'retries_total', 'reason'), expected.retries)
      }
      if (keepDeleted) {
        const deleted = await linesOf(world, receipt.id, 'deleted.csv')
        assert.equal(new Set(deleted).size, expected.outcome.deleted)
        assert.equal(deleted?.length, expected.outcome.deleted)
      }
      await cleared(world, receipt.id)
    })
  }
})

test('rows wait before they go again, and longer each time', async (t) => {
  const world = await startWorld(t, {
    ...{ redis, clock: leapingClock(), sandbox: { rows: { rules: [lock(IDS.slice(0, 10), 2)] } } },
  })
  const resendMs = 40
  await world.startWorker({ worker: { lockMs: 2000, stalledMs: 1000, resendMs } })
  const ids = IDS.slice(0, 10)
  const receipt = await deleteIds(world, ids)
  assert.deepEqual(receipt.outcome, outcome({ deleted: 10 }))
  const [first, second, third] = world.sandbox.referee.stats().jobs
  const between = (one = first, next = second) => (next?.createdAt ?? 0) - (one?.finishedAt ?? 0)
  assert.ok(between(first, second) >= 0.8 * resendMs, `${between(first, second)} ms`)
  assert.ok(between(second, third) >= 0.8 * 4 * resendMs, `${between(second, third)} ms`)
  await assertAccount(world, ids, receipt)
})

test('rows in doubt that were gone before are counted as ours only where nobody can know', async (t) => {
  // Of the ids of a vanished job nothing is known; of those that failed before it, everything.
  const gone = IDS.slice(0, 5)
  const world = await startWorld(t, {
    ...{ redis, clock: leapingClock(), org: { maxJobRecords: 10 } },
    sandbox: {
      ...{ queueDelayMs: 0, faults: [job({ do: 'vanish' })] },
      rows: { rules: [{ code: 'ENTITY_IS_DELETED', ids: [...gone, ...IDS.slice(10, 13)] }] },
    },
  })
  await world.startWorker()
  const receipt = await deleteIds(world, IDS.slice(0, 20), { maxFailureRatio: null })
  const vanished = receipt.ingestJobs.filter(({ state }) => state === 'Vanished').length
  assert.equal(vanished, 1)
  const { deleted, alreadyGone } = receipt.outcome ?? outcome({})
  assert.equal(deleted + alreadyGone, 20)
  assert.ok(alreadyGone === 3 || alreadyGone === 5, `${alreadyGone} were gone`)
})
