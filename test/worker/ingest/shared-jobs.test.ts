import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { FaultScript, RowRule } from '../../../src/sandbox/sandbox.ts'
import { BUILT_IN_OBJECTS } from '../../../src/shared/contract/objects.ts'
import { type Receipt, totalOf } from '../../../src/shared/contract/receipt.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { linesOf, receiptOf, submitIds } from '../../helpers/deletion.ts'
import { fc, runs } from '../../helpers/fast-check.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'
import { objectOf } from './fault-cases.ts'

/**
 * Small requests of one object, drawn at random, that ask for some of the same ids: they share jobs,
 * are cancelled at any time, meet rows and jobs of every fate, and their workers stop or lose the
 * locks of their jobs meanwhile. In the end each request accounts for each of its ids, truly, and
 * says nothing of the others.
 *
 * Each case has an object of its own, so that all run side by side in one world.
 */

const CASES = runs(12)
/** Ids that the requests of a case share among them. */
const POOL = 12
const COALESCE = { below: POOL + 1, fill: 24, waitMs: 60, highWaitMs: 20 }

const FATES = ['deleted', 'failed', 'gone', 'locked', 'missing'] as const
type Fate = (typeof FATES)[number]

const when = fc.integer({ min: 0, max: 150 })
const scenes = fc.record({
  fates: fc.array(
    fc.oneof({ weight: 3, arbitrary: fc.constant('deleted' as const) }, fc.constantFrom(...FATES)),
    {
      minLength: POOL,
      maxLength: POOL,
    },
  ),
  requests: fc.array(
    fc.record({
      picks: fc.subarray([...Array(POOL).keys()], { minLength: 1 }),
      afterMs: when,
      cancelMs: fc.oneof(
        { weight: 3, arbitrary: fc.constant(null) },
        fc.integer({ min: 0, max: 600 }),
      ),
      priority: fc.constantFrom('normal', 'normal', 'normal', 'high'),
      deletedFile: fc.boolean(),
      coalesce: fc.constantFrom(true, true, true, true, false),
    }),
    { minLength: 2, maxLength: 7 },
  ),
  faults: fc.array(
    fc.constantFrom<FaultScript>(
      { on: 'job', nth: 1, action: { do: 'hold', ms: 60, afterRows: 2 } },
      { on: 'job', nth: 1, action: { do: 'fail', code: 'TooManyLockFailure', afterRows: 3 } },
      { on: 'job', nth: 1, action: { do: 'fail', code: 'Unknown', afterRows: 1 } },
      { on: 'close', nth: 1, action: { do: 'reset', when: 'after' } },
      { on: 'upload', nth: 1, action: { do: 'reset', when: 'after' } },
    ),
    { maxLength: 2 },
  ),
  /** Moments at which jobs lose their locks, as those of a worker that was frozen do. */
  lostLocks: fc.array(when, { maxLength: 2 }),
})
type Scene = typeof scenes extends fc.Arbitrary<infer T> ? T : never
type Wanted = Scene['requests'][number]

const scope = inReverse(after)
const redis = await startRedis(scope)
const drawn = fc.sample(scenes, CASES)
const objects = drawn.map((_, index) => objectOf(index))
const poolOf = (index: number) => ids18(POOL, 0, objectOf(index).prefix)
const world = await startWorld(scope, {
  redis,
  org: { maxInFlight: 200 },
  sandbox: {
    objects,
    queueDelayMs: 0,
    rows: { rules: drawn.flatMap(({ fates }, index) => rulesOf(fates, poolOf(index))) },
    faults: drawn.flatMap(({ faults }, index) =>
      faults.map((fault) => ({ times: 1, ...fault, object: objectOf(index).name })),
    ),
  },
  clock: leapingClock(),
})
const settings = {
  objects: new Map([...BUILT_IN_OBJECTS, ...objects].map((object) => [object.name, object])),
  worker: { lockMs: 2000, stalledMs: 300, resendMs: 0 },
  coalesce: COALESCE,
}

// From then on the org knows its objects.
await (await world.startWorker(settings)).stop()

function rulesOf(fates: readonly Fate[], pool: readonly string[]): RowRule[] {
  const of = (fate: Fate) => pool.filter((_, n) => fates[n] === fate)
  return [
    { code: 'DELETE_FAILED', ids: of('failed') },
    { code: 'ENTITY_IS_DELETED', ids: of('gone') },
    { code: 'UNABLE_TO_LOCK_ROW', ids: of('locked'), times: 2 },
    { code: 'MISSING_FROM_RESULTS', ids: of('missing'), times: 1 },
  ].filter(({ ids }) => ids.length > 0)
}

test('requests that share ingest jobs each account for their own ids', {
  concurrency: true,
}, async (t) => {
  const ended = new AbortController()
  const workers = workInTurns(ended.signal)
  const cases = drawn.map((scene, index) =>
    t.test(`case ${index}`, async () => {
      const { name: object } = objectOf(index)
      const losses = scene.lostLocks.map((ms) => delay(ms).then(loseLocks))
      const told = await Promise.all(scene.requests.map((one) => carryOut(one, object, index)))
      await Promise.all(losses)
      const text = JSON.stringify(scene)
      for (const one of told) await assertTrue(one, told, isInDoubt(scene), text)
    }),
  )
  await Promise.all(cases)
  ended.abort()
  await workers
  const stats = await world.sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 0)
  const { DUPLICATE_IN_RUN: _, ...violations } = stats.violationCounts
  assert.deepEqual(violations, {})
  assert.equal(stats.deletedTwice, 0)
  assert.ok(shared > 0, 'no job was shared')
})

/** Two at a time; the first ones stop after a while in the midst of their work. */
async function workInTurns(signal: AbortSignal): Promise<void> {
  const lane = async (turns: readonly number[]) => {
    for (const ms of turns) {
      const worker = await world.startWorker(settings)
      await delay(ms, undefined, { signal }).catch(() => {})
      await worker.stop()
    }
    if (!signal.aborted) await world.startWorker(settings)
  }
  await Promise.all([lane([100, 150, 200]), lane([170, 250])])
}

async function loseLocks(): Promise<void> {
  const { store } = world
  const active = await store.redis.lrange(`${store.ledger.keys.prefix}:ingest-jobs:active`, 0, 2)
  await Promise.all(
    active.map((jobId) => store.redis.del(store.ledger.keys.lock({ queue: 'ingest-jobs', jobId }))),
  )
}

/**
 * A failed job that lists fewer rows than it counts may have deleted any of the others. Those that
 * are gone by the next attempt count as deleted, also if they were gone before.
 */
function isInDoubt({ fates, faults }: Scene): boolean {
  return fates.includes('missing') && faults.some(({ action }) => action.do === 'fail')
}

interface Told {
  readonly ids: readonly string[]
  readonly wanted: Wanted
  readonly receipt: Receipt
}

/** Ingest jobs that carried several requests. */
let shared = 0
const carried = new Map<string, string>()

async function carryOut(wanted: Wanted, object: string, index: number): Promise<Told> {
  const pool = poolOf(index)
  const ids = wanted.picks.map((n) => pool[n] ?? '')
  const { afterMs, cancelMs, priority, deletedFile, coalesce } = wanted
  await delay(afterMs)
  const fields = { object, priority, deletedFile, coalesce, maxFailureRatio: null }
  const id = await submitIds(world, ids, fields)
  if (cancelMs !== null) {
    await delay(cancelMs)
    await world.producer.cancel(id, { org: world.org }).catch(() => {})
  }
  const receipt = await receiptOf(world, id)
  for (const { id: job } of receipt.ingestJobs) {
    const other = carried.get(job)
    if (other !== undefined && other !== id) shared++
    carried.set(job, id)
  }
  return { ids, wanted, receipt }
}

async function assertTrue(
  { ids, wanted, receipt }: Told,
  all: readonly Told[],
  inDoubt: boolean,
  scene: string,
): Promise<void> {
  const { outcome: counts, plan, status } = receipt
  const say = (what: string) => `${what}\n${JSON.stringify(receipt)}\n${scene}`
  if (counts === null) return assert.equal(status, 'cancelled', say('no outcome'))
  const { referee } = world.sandbox
  assert.equal(plan?.accepted, ids.length)
  assert.equal(totalOf(counts), ids.length, say('sum of verdicts'))
  const failed = (await linesOf(world, receipt.id, 'failed.csv')) ?? []
  const unprocessed = (await linesOf(world, receipt.id, 'unprocessed.csv')) ?? []
  const deleted = (await linesOf(world, receipt.id, 'deleted.csv')) ?? []
  assert.equal(failed.length, counts.failed, say('failed.csv'))
  assert.equal(unprocessed.length, counts.unprocessed, say('unprocessed.csv'))
  assert.equal(deleted.length, wanted.deletedFile ? counts.deleted : 0, say('deleted.csv'))
  const listed = [...failed.map((line) => line.slice(0, 18)), ...unprocessed, ...deleted]
  assert.equal(new Set(listed).size, listed.length, say('an id has two verdicts'))
  for (const id of listed) assert.ok(ids.includes(id), say(`${id} is another request's`))
  for (const line of failed) {
    const [id = '', code = ''] = line.split(',')
    assert.ok(referee.verdictsOf(id).includes(code), say(line))
    assert.ok(!referee.verdictsOf(id).includes('DELETED'), say(`${id} was deleted`))
  }
  const isDeleted = (codes: readonly string[]) =>
    codes.includes('DELETED') || (inDoubt && codes.includes('ENTITY_IS_DELETED'))
  for (const id of deleted) assert.ok(isDeleted(referee.verdictsOf(id)), say(id))
  const rest = ids.filter((id) => !listed.includes(id)).map((id) => referee.verdictsOf(id))
  const gone = rest.filter((codes) => codes.includes('ENTITY_IS_DELETED'))
  assert.ok(gone.length >= counts.alreadyGone, say('already gone'))
  if (!wanted.deletedFile)
    assert.ok(rest.filter(isDeleted).length >= counts.deleted, say('deleted'))
  if (status !== 'cancelled') assert.equal(counts.unprocessed, 0, say('unprocessed'))
  for (const { records } of receipt.ingestJobs) {
    assert.ok(records <= ids.length, say('more records than it asked for'))
  }
  const others = all.filter(({ receipt: { id } }) => id !== receipt.id)
  for (const { receipt: other } of others) {
    assert.ok(!JSON.stringify(receipt).includes(other.id), say('it names another request'))
  }
}
