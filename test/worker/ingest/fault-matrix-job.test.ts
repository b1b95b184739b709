import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { CallAction, JobAction } from '../../../src/sandbox/sandbox.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import {
  assertWorldIsWell,
  type FaultCase,
  meet,
  meetUnharmed,
  PER_CASE,
  startFaultWorld,
} from './fault-cases.ts'

/**
 * Faults behind a job that was closed: Salesforce breaks it off, forgets it, or does not tell all
 * that became of it. What is not known to be done is sent again, and no row twice for nothing.
 */

const scope = inReverse(after)
const redis = await startRedis(scope)

/** Rows of a job that are done when the fault comes: none, some of each kind, all. */
const DONE = { 'at its beginning': 0, 'in the middle': 9, 'at its very end': PER_CASE } as const

const CODES = ['TooManyLockFailure', 'Timeout', 'ExceededQuota', 'Unknown'] as const

/** A case and how many of its rows have to go again. */
interface JobCase extends FaultCase {
  readonly again: number
}

function atEachMoment(fault: string, action: (afterRows: number) => JobAction): JobCase[] {
  return Object.entries(DONE).map(([moment, afterRows]) => ({
    title: `${fault} ${moment}`,
    faults: [{ on: 'job', action: action(afterRows) }],
    again: PER_CASE - afterRows,
  }))
}

const BROKEN_OFF = CODES.flatMap((code) =>
  atEachMoment(`a job fails by ${code}`, (afterRows) => ({ do: 'fail', code, afterRows })),
)

/** Nobody can tell then which rows were gone before: there are none. */
const VANISHED: readonly JobCase[] = atEachMoment('a job vanishes', (afterRows) => ({
  do: 'vanish',
  afterRows,
})).map((one) => ({ ...one, gone: 0, again: PER_CASE }))

/** A file that ends early without a word, as behind a proxy that gave up. */
const CUT: Readonly<Record<string, CallAction>> = {
  'has no byte': { do: 'truncate' },
  'is a 204': { do: 'answer', status: 204, body: 'empty' },
  'ends in its header': { do: 'truncate', afterBytes: 12 },
  'ends after its header': { do: 'truncate', afterRows: 0 },
  "ends at a row's end": { do: 'truncate', afterRows: 2 },
  'ends in the middle of a row': { do: 'truncate', afterRows: 2, afterBytes: 20 },
  'ends in the middle of an id': { do: 'truncate', afterRows: 2, afterBytes: 52 },
}

function cut(...files: readonly ('failedResults' | 'successfulResults')[]): FaultCase[] {
  return files.flatMap((on) =>
    Object.entries(CUT).map(([title, action]) => ({
      title: `${on} ${title}`,
      faults: [{ on, action }],
    })),
  )
}

/** Sums that a receipt must give, however the rows were split again. */
async function meetAgain(...args: Parameters<typeof meet>): Promise<void> {
  const [, , one] = args
  const { receipt } = await meet(...args)
  const again = receipt.ingestJobs.filter(({ attempt }) => attempt === 2)
  const rows = again.reduce((sum, { records }) => sum + records, 0)
  assert.equal(rows, 'again' in one ? one.again : 0)
  assert.ok(receipt.ingestJobs.every(({ attempt }) => attempt <= 2))
}

async function runAll(
  title: string,
  cases: readonly FaultCase[],
  { keepDeleted, run }: { readonly keepDeleted: boolean; readonly run: typeof meetAgain },
): Promise<void> {
  const world = await startFaultWorld(scope, redis, cases)
  await world.startWorker({ audit: { keepDeleted } })
  describe(title, { concurrency: true }, () => {
    for (const [index, one] of cases.entries()) {
      test(one.title, () => run(world, index, one))
    }
  })
  test(`${title}, and in the end everything is in order`, () => assertWorldIsWell(world, cases))
}

await runAll('rows that were not done go again', [...BROKEN_OFF, ...VANISHED], {
  ...{ keepDeleted: false, run: meetAgain },
})
await runAll('a result file that is not whole is read again', cut('failedResults'), {
  ...{ keepDeleted: false, run: meetUnharmed },
})
await runAll(
  'a result file that is not whole is read again, with every deleted id written down',
  cut('failedResults', 'successfulResults'),
  { keepDeleted: true, run: meetUnharmed },
)
