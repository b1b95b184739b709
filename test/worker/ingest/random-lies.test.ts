import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { CallFault } from '../../../src/sandbox/sandbox.ts'
import { deleteIds } from '../../helpers/deletion.ts'
import { fc, runs } from '../../helpers/fast-check.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import type { World } from '../../helpers/world.ts'
import { assertNothingLeft, type FaultCase, objectOf, startFaultWorld } from './fault-cases.ts'
import { assertHonest } from './honest.ts'

/**
 * Two lies at once, one about the job and one in a result file, drawn at random: whatever is said,
 * no id is told deleted that was not, and whoever is told less than the truth is told so. A third
 * that bears out the other two nobody could see through, so there are two.
 */

const CASES = runs(15)
const PER_CASE = 20

type Lie = Extract<CallFault['action'], { do: 'lie' }>

interface Told {
  readonly on: CallFault['on']
  readonly times: number | undefined
  readonly lie: Lie
}

/** `earlier` stands for the id of an ingest job before. */
const EARLIER = 'earlier'

const count = fc.oneof(fc.nat(25), fc.nat(25).map(String), fc.constantFrom(-1, 2.5, 'x', null, {}))
const state = fc.constantFrom(
  ...['Open', 'UploadComplete', 'InProgress', 'JobComplete', 'Failed', 'Aborted', 'Asleep', 7],
)
const RUNNING: ReadonlySet<unknown> = new Set(['UploadComplete', 'InProgress', 'Asleep'])
const fields = fc.record(
  {
    id: fc.constantFrom(EARLIER, '0035f0000000001AAA'),
    object: fc.constantFrom('Lead', 'contact'),
    operation: fc.constantFrom('hardDelete', 'insert'),
    state,
    numberRecordsProcessed: count,
    numberRecordsFailed: count,
    errorMessage: fc.constantFrom('Timeout : gave up', 'ClientInputError : unreadable'),
  },
  { requiredKeys: [] },
)
const omitted = fc.subarray(['id', 'state', 'numberRecordsProcessed', 'numberRecordsFailed'])
const times = fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined })

const aboutJob: fc.Arbitrary<Told> = fc
  .record({
    on: fc.constantFrom('create', 'close', 'get', 'get', 'get'),
    times,
    lie: fc.record({
      ...{ do: fc.constant('lie'), set: fields },
      omit: fc.oneof(fc.constant([]), omitted),
    }),
  })
  // A job that runs for ever is looked at for a day, and an org whose every new job has no id pauses
  // until somebody mends it: other tests have the time.
  .map((told) =>
    told.on === 'create' || RUNNING.has(told.lie.set.state)
      ? { ...told, times: told.times ?? 3 }
      : told,
  )

/** A row about the case's own n-th id, one that was never sent, or two at once. */
const row = (second: string) =>
  fc.oneof(
    fc.nat(PER_CASE - 1).map((n) => `"","${second}","{${n}}"`),
    fc.nat(PER_CASE - 1).map((n) => `"{${n}}","${second}","{${n}}"`),
    fc.nat(PER_CASE - 1).map((n) => `"{${n}}","${second}","{${(n + 1) % PER_CASE}}"`),
    fc.constantFrom(`"","${second}","{900}"`, `"{3}"`, '"', '{4}', `"","${second}","{5}",""`),
  )

const inFile: fc.Arbitrary<Told> = fc
  .constantFrom(
    ['failedResults', 'DELETE_FAILED:no:--'] as const,
    ['failedResults', 'ENTITY_IS_DELETED:entity is deleted:--'] as const,
    ['failedResults', 'UNABLE_TO_LOCK_ROW:busy:--'] as const,
    ['successfulResults', 'false'] as const,
    ['successfulResults', 'true'] as const,
  )
  .chain(([on, second]) =>
    fc.record({
      on: fc.constant(on),
      times,
      lie: fc.record(
        {
          do: fc.constant('lie'),
          dropRows: fc.nat(5),
          addRows: fc.array(row(second), { maxLength: 4 }),
          header: fc.constantFrom('Id', '"sf__Id","sf__Error","sf__Created",Id'),
          file: fc.constantFrom('failedResults', 'successfulResults'),
          job: fc.constant(EARLIER),
        },
        { requiredKeys: ['do'] },
      ),
    }),
  )

const scope = inReverse(after)
const redis = await startRedis(scope)
const drawn = fc.sample(fc.tuple(aboutJob, inFile), CASES)
const cases: FaultCase[] = drawn.map((_, n) => ({ title: `case ${n}`, faults: [], gone: 0 }))
const world = await startFaultWorld(scope, redis, cases)
await world.startWorker({ audit: { keepDeleted: true } })

describe('no lie makes a record deleted that is not', { concurrency: true }, () => {
  for (const [index, lies] of drawn.entries()) {
    test(JSON.stringify(lies), () => meetLies(world, index, lies))
  }
})

test('in the end nothing is left at work, and nothing was deleted twice', async () => {
  const { referee } = world.sandbox
  const stats = await referee.until(({ jobsAtWork }) => jobsAtWork === 0)
  assertNothingLeft(stats.jobs)
  assert.equal(stats.deletedTwice, 0)
})

async function meetLies(world: World, index: number, lies: readonly Told[]): Promise<void> {
  const { name: object, prefix } = objectOf(index)
  const { faults } = world.sandbox
  const all = ids18(1000, 0, prefix)
  const ids = all.slice(0, PER_CASE)
  const [earlier] = (await deleteIds(world, all.slice(500, 520), { object })).ingestJobs
  assert.ok(earlier)
  const added = lies.map(({ on, times, lie }) => {
    const text = JSON.stringify(lie)
      .replaceAll(`"${EARLIER}"`, `"${earlier.id}"`)
      .replaceAll(/\{(\d+)\}/g, (_, n) => all[Number(n)] ?? '')
    const action: Lie = { do: 'lie', ...JSON.parse(text) }
    return faults.add({ on, object, times, action }).id
  })
  const receipt = await deleteIds(world, ids, { object })
  for (const id of added) faults.remove(id)
  await assertHonest(world, ids, receipt)
}
