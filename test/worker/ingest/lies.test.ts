import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { CallFault } from '../../../src/sandbox/sandbox.ts'
import { deleteIds, outcome } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import type { World } from '../../helpers/world.ts'
import { assertNothingLeft, type FaultCase, objectOf, startFaultWorld } from './fault-cases.ts'
import { assertHonest } from './honest.ts'

/**
 * Answers that are well-formed and not so, at each call of an ingest job's life, once and for ever.
 * What the receipt says must be what the org's own books say, or it must say that it does not know;
 * no id is ever counted as deleted that was not.
 */

const PER_CASE = 20
/** The first records of each case must stay. */
const FAILED = 2
const TRUTH = outcome({ deleted: PER_CASE - FAILED, failed: FAILED })

interface Scene {
  /** The case's own ids, the first of which fail. */
  readonly ids: readonly string[]
  /** Others of the same object. */
  readonly others: readonly string[]
  /** The ingest job that has deleted those. */
  earlier(): Promise<string>
}

type Told = Omit<Extract<CallFault['action'], { do: 'lie' }>, 'do'>

interface Lie {
  readonly title: string
  readonly on: CallFault['on']
  readonly tell: (scene: Scene) => Told | Promise<Told>
  /** What its receipt says where it is told again and again; `null` for the whole truth. */
  readonly always: string | null
}

const CONTRADICT = 'RESULTS_CONTRADICT'
const UNEXPECTED = 'UNEXPECTED_ANSWER'

const set = (fields: Readonly<Record<string, unknown>>) => () => ({ set: fields })
const ofEarlier = async ({ earlier }: Scene) => ({ job: await earlier() })
const idOfEarlier = async ({ earlier }: Scene) => ({ set: { id: await earlier() } })
const omit =
  (...fields: string[]) =>
  () => ({ omit: fields })

function lie(on: CallFault['on'], title: string, tell: Lie['tell'], always: Lie['always']): Lie {
  return { on, title: `${on} ${title}`, tell, always }
}

/** What any answer about a job may say of another one. */
function aboutAnother(on: CallFault['on']): Lie[] {
  return [
    lie(on, 'names another job', idOfEarlier, CONTRADICT),
    lie(on, 'names another object', set({ object: 'Lead' }), CONTRADICT),
    lie(on, 'names another operation', set({ operation: 'hardDelete' }), CONTRADICT),
    lie(on, 'names no job at all', set({ id: '0035f0000000001AAA' }), UNEXPECTED),
    lie(on, 'has no id', omit('id'), UNEXPECTED),
    lie(on, 'has no state', omit('state'), UNEXPECTED),
    lie(on, 'has a state that is none', set({ state: 42 }), UNEXPECTED),
  ]
}

const counters = (processed: unknown, failed: unknown) =>
  set({ numberRecordsProcessed: processed, numberRecordsFailed: failed })

const row = (...fields: string[]) => fields.map((field) => `"${field}"`).join(',')
const FAILS = 'DELETE_FAILED:no:--'
const STRANGER = ids18(1, 900_000)[0] ?? ''

const LIES: readonly Lie[] = [
  ...aboutAnother('create').filter(({ title }) => !title.endsWith('another job')),
  // The upload meets a job that is over; to follow it would be to take its counters for ours.
  lie('create', 'names another job', idOfEarlier, CONTRADICT),
  lie('create', 'says that the job is closed', set({ state: 'UploadComplete' }), CONTRADICT),
  lie('create', 'promises results in another form', set({ lineEnding: 'CRLF' }), UNEXPECTED),
  // A close whose answer cannot be used is looked after, and has taken effect.
  ...aboutAnother('close').map((one) => ({ ...one, always: null })),
  lie('close', 'says that the job is Open', set({ state: 'Open' }), null),
  lie('close', 'is of another job', ofEarlier, null),
  ...aboutAnother('get'),
  lie('get', 'is of another job', ofEarlier, CONTRADICT),
  lie('get', 'says that the job is Open', set({ state: 'Open' }), CONTRADICT),
  lie('get', 'has no count of failures', omit('numberRecordsFailed'), null),
  lie('get', 'has no count of rows', omit('numberRecordsProcessed'), null),
  lie('get', 'has no counters', omit('numberRecordsProcessed', 'numberRecordsFailed'), null),
  lie('get', 'has counters as text', counters(String(PER_CASE), String(FAILED)), null),
  lie('get', 'has counters that are no numbers', counters('many', 'few'), null),
  lie('get', 'counts less than nothing', counters(PER_CASE, -1), null),
  lie('get', 'counts more failures than rows', counters(PER_CASE, PER_CASE + 1), null),
  lie('get', 'counts more rows than were sent', counters(PER_CASE + 1, FAILED), null),
  lie('get', 'counts half of the rows, and no failures', counters(PER_CASE / 2, 0), CONTRADICT),
  lie('get', 'counts no rows', counters(0, 0), CONTRADICT),
  lie('get', 'counts too few failures', counters(PER_CASE, FAILED - 1), CONTRADICT),
  lie('get', 'counts too many failures', counters(PER_CASE, FAILED + 1), CONTRADICT),
  lie('failedResults', 'is of another job', ofEarlier, CONTRADICT),
  lie(
    'failedResults',
    'is successfulResults',
    () => ({ file: 'successfulResults' }),
    'RESULT_FORMAT',
  ),
  lie('failedResults', 'has no errors', () => ({ header: 'sf__Id,Id' }), 'RESULT_FORMAT'),
  lie(
    'failedResults',
    'has an id that was not sent',
    () => ({ addRows: [row('', FAILS, STRANGER)] }),
    CONTRADICT,
  ),
  lie(
    'failedResults',
    'has a row of two ids',
    ({ ids: [, , id = ''], others: [other = ''] }) => ({
      addRows: [row(other, FAILS, id)],
    }),
    CONTRADICT,
  ),
  lie(
    'failedResults',
    'has a row cut short',
    ({ ids: [, , id = ''] }) => ({
      addRows: [row('', `DELETE_FAILED ${id}`)],
    }),
    CONTRADICT,
  ),
  lie(
    'failedResults',
    'has an id that was deleted',
    ({ ids: [, , id = ''] }) => ({
      addRows: [row('', FAILS, id)],
    }),
    CONTRADICT,
  ),
  lie('failedResults', 'lacks a row', () => ({ dropRows: 1 }), CONTRADICT),
  lie(
    'failedResults',
    'lacks a row, and has a stranger instead',
    () => ({
      ...{ dropRows: 1, addRows: [row('', FAILS, STRANGER)] },
    }),
    CONTRADICT,
  ),
]

/** A create that gives no job anybody knows is the org's fault: it is asked for until it does. */
const isWaitedOut = ({ on, always }: Lie) => on === 'create' && always === UNEXPECTED

/** Of a file that is read where each deleted id is written down. */
const SUCCESSES: readonly Lie[] = [
  lie('successfulResults', 'is failedResults', () => ({ file: 'failedResults' }), 'RESULT_FORMAT'),
  lie('successfulResults', 'is of another job', ofEarlier, CONTRADICT),
  lie(
    'successfulResults',
    'has an id that was not sent',
    () => ({
      addRows: [row(STRANGER, 'false', STRANGER)],
    }),
    CONTRADICT,
  ),
  lie(
    'successfulResults',
    'has an id that failed',
    ({ ids: [id = ''] }) => ({
      addRows: [row(id, 'false', id)],
    }),
    CONTRADICT,
  ),
  lie(
    'successfulResults',
    'has a row of two ids',
    ({ ids: [id = ''], others: [other = ''] }) => ({
      addRows: [row(other, 'false', id)],
    }),
    CONTRADICT,
  ),
  lie(
    'successfulResults',
    'has a row that was created',
    ({ ids: [id = ''] }) => ({
      addRows: [row(id, 'true', id)],
    }),
    CONTRADICT,
  ),
  lie(
    'successfulResults',
    'has an id with something behind it',
    ({ ids: [id = ''] }) => ({
      addRows: [row('', 'false', `${id}0038c00002hMS4k`)],
    }),
    CONTRADICT,
  ),
  lie('successfulResults', 'lacks rows', () => ({ dropRows: 3 }), null),
  lie('get', 'has no counters', omit('numberRecordsProcessed', 'numberRecordsFailed'), null),
  lie('get', 'counts no failures', counters(PER_CASE, 0), CONTRADICT),
  lie('failedResults', 'is of another job', ofEarlier, CONTRADICT),
  lie('failedResults', 'lacks a row', () => ({ dropRows: 1 }), CONTRADICT),
]

const scope = inReverse(after)
const redis = await startRedis(scope)

async function runAll(title: string, lies: readonly Lie[], keepDeleted: boolean): Promise<void> {
  const told = lies.flatMap((one) => [
    { ...one, title: `${one.title}, once`, times: 1, always: null },
    ...(isWaitedOut(one) ? [] : [{ ...one, title: `${one.title}, always` }]),
  ])
  const cases: FaultCase[] = told.map(({ title }) => ({ title, faults: [], gone: 0 }))
  const world = await startFaultWorld(scope, redis, cases)
  await world.startWorker({ audit: { keepDeleted } })
  describe(title, { concurrency: true }, () => {
    for (const [index, one] of told.entries()) test(one.title, () => meetLie(world, index, one))
  })
  test(`${title}, in the end: nothing is left at work, and nothing was deleted twice`, async () => {
    const { referee } = world.sandbox
    const stats = await referee.until(({ jobsAtWork }) => jobsAtWork === 0)
    assertNothingLeft(stats.jobs)
    assert.equal(stats.deletedTwice, 0)
  })
}

async function meetLie(
  world: World,
  index: number,
  { on, tell, always, times }: Lie & { readonly times?: number },
): Promise<void> {
  const { name: object, prefix } = objectOf(index)
  const { referee, faults } = world.sandbox
  const [ids, others] = [ids18(PER_CASE, 0, prefix), ids18(PER_CASE, 1000, prefix)]
  const earlier = async () =>
    (await deleteIds(world, others, { object })).ingestJobs[0]?.id ?? assert.fail()
  const told = await tell({ ids, others, earlier })
  const added = faults.add({ on, object, times, action: { do: 'lie', ...told } })
  const receipt = await deleteIds(world, ids, { object })
  const fired = faults.list().find(({ id }) => id === added.id)?.fired
  assert.ok(fired !== undefined && fired > 0, 'the lie was told')
  faults.remove(added.id)

  await assertHonest(world, ids, receipt)
  assert.equal(receipt.error?.code ?? null, always)
  if (always === null) {
    assert.deepEqual(receipt.outcome, TRUTH)
    assert.deepEqual(receipt.failures, { DELETE_FAILED: FAILED })
    assert.equal(receipt.status, 'incomplete')
  }
  for (const id of ids.slice(0, FAILED)) assert.ok(!referee.verdictsOf(id).includes('DELETED'))
}

await runAll(
  'a request is accounted for as the org has it, or says that it cannot be, when',
  LIES,
  false,
)
await runAll('with every deleted id written down, also when', SUCCESSES, true)
