import assert from 'node:assert/strict'
import type { CallAction, FaultScript, RowRules } from '../../../src/sandbox/sandbox.ts'
import { BUILT_IN_OBJECTS, type DeletableObject } from '../../../src/shared/contract/objects.ts'
import type { Outcome, Receipt } from '../../../src/shared/contract/receipt.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { deleteIds, outcome } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import type { TestRedis } from '../../helpers/redis.ts'
import { startWorld, type World } from '../../helpers/world.ts'

/**
 * Requests that meet faults, side by side in one world: each deletes from an object of its own, by
 * which a fault script finds its calls. So a hundred cases take little longer than one.
 */

/** One request and the faults it meets. Those of the login meet whoever logs in. */
export interface FaultCase {
  readonly title: string
  readonly faults: readonly FaultScript[]
  /** How many of its records lie in the Recycle Bin from the start. */
  readonly gone?: number
}

/**
 * What any call may meet. `{do}` of the sandbox; the table is crossed with the calls, so that no
 * pair can be forgotten.
 */
export const FAULTS: Readonly<Record<string, CallAction>> = {
  'answers 500': { do: 'answer', status: 500 },
  'answers 502 without a body': { do: 'answer', status: 502, body: 'empty' },
  'answers 503 with a page of HTML': { do: 'answer', status: 503, body: 'html' },
  'answers 503, maintenance': {
    ...{ do: 'answer', status: 503 },
    errorCode: 'INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE',
  },
  'answers 429 with Retry-After': {
    ...{ do: 'answer', status: 429, body: 'empty', headers: { 'Retry-After': '2' } },
  },
  'answers 403 REQUEST_LIMIT_EXCEEDED': {
    ...{ do: 'answer', status: 403, errorCode: 'REQUEST_LIMIT_EXCEEDED' },
  },
  'answers 200 with a page of HTML': { do: 'answer', status: 200, body: 'html' },
  'takes effect and answers 503': {
    ...{ do: 'answer', status: 503, errorCode: 'SERVER_UNAVAILABLE', effect: true },
  },
  'is reset before anything is read': { do: 'reset', when: 'before' },
  'is reset in the middle': { do: 'reset', when: 'during', afterBytes: 60 },
  'takes effect and is reset': { do: 'reset', when: 'after' },
  'meets silence': { do: 'stall' },
  'takes effect and meets silence': { do: 'stall', when: 'after' },
  'gets a part of its answer, then silence': { do: 'stall', when: 'during', afterBytes: 60 },
  'meets an expired token': { do: 'expireTokens' },
}

/** As often as it takes to outlast the client's own tries; a silence is long enough once. */
export function timesOf(action: CallAction, triesOfClient: number): number {
  return action.do === 'stall' ? 1 : triesOfClient + 1
}

export const PER_CASE = 20
/** Of each case, unless it says otherwise: records in the Recycle Bin, and such that must stay. */
const GONE = 4
const FAILED = 2

function expectedOf({ gone = GONE }: FaultCase): Outcome {
  return outcome({ deleted: PER_CASE - gone - FAILED, alreadyGone: gone, failed: FAILED })
}

/**
 * A world with an object for each case, and short patience with silence. Not shorter: on a machine so
 * busy that a call takes as long, a close that has arrived is sent again, which breaks a rule.
 */
export async function startFaultWorld(
  scope: { after(fn: () => Promise<void>): void },
  redis: TestRedis,
  cases: readonly FaultCase[],
): Promise<World> {
  const objects = cases.map((_, index) => objectOf(index))
  const timeouts = { connect: 4000, response: 2000, idle: 2000 }
  const world = await startWorld(scope, {
    redis,
    sandbox: { objects, rows: rowRules(cases), queueDelayMs: 0 },
    org: { timeouts, maxInFlight: 200 },
    clock: leapingClock(),
  })
  const known = [...BUILT_IN_OBJECTS, ...objects]
  return {
    ...world,
    startWorker: (overrides, own) =>
      world.startWorker(
        { objects: new Map(known.map((object) => [object.name, object])), ...overrides },
        own,
      ),
  }
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

export function objectOf(index: number): DeletableObject {
  const prefix = `a${DIGITS[Math.floor(index / 62)]}${DIGITS[index % 62]}`
  return { name: `Case${index}__c`, prefix }
}

const idsOf = (index: number) => ids18(PER_CASE, 0, objectOf(index).prefix)

function rowRules(cases: readonly FaultCase[]): RowRules {
  const failed = cases.flatMap((_, index) => idsOf(index).slice(0, FAILED))
  const gone = cases.flatMap((one, index) =>
    idsOf(index).slice(FAILED, FAILED + (one.gone ?? GONE)),
  )
  return {
    rules: [
      { code: 'DELETE_FAILED', ids: failed },
      { code: 'ENTITY_IS_DELETED', ids: gone },
    ],
  }
}

type Jobs = ReturnType<World['sandbox']['referee']['stats']>['jobs']

interface Met {
  readonly receipt: Receipt
  /** All that the request had in Salesforce. */
  readonly jobs: Jobs
  readonly ids: readonly string[]
}

/**
 * Runs one case, and checks what must be true whatever happened: every fault did happen, every id is
 * in the receipt's account as it is in the org's own, and nothing is left open or running.
 */
export async function meet(world: World, index: number, one: FaultCase): Promise<Met> {
  const object = objectOf(index).name
  const { referee, faults: scripts } = world.sandbox
  const added = one.faults.map((fault) => {
    const about = fault.on === 'token' ? {} : { object }
    return scripts.add({ times: 1, ...about, ...fault }).id
  })
  const ids = idsOf(index)
  const receipt = await deleteIds(world, ids, { object })

  const missed = scripts.list().filter(({ id, fired }) => added.includes(id) && fired === 0)
  for (const id of added) scripts.remove(id)
  assert.deepEqual(
    missed.map(({ script }) => script),
    [],
  )
  const jobs = referee.stats().jobs.filter((job) => job.object === object)
  assertNothingLeft(jobs)
  assert.deepEqual(receipt.outcome, expectedOf(one))
  assert.deepEqual(receipt.failures, { DELETE_FAILED: FAILED })
  assert.equal(receipt.status, 'incomplete')
  const deleted = ids.filter((id) => referee.verdictsOf(id).includes('DELETED'))
  assert.equal(deleted.length, receipt.outcome?.deleted)
  return { receipt, jobs, ids }
}

/** The same, where the fault was the org's: one ingest job did it all, at its first attempt. */
export async function meetUnharmed(...args: Parameters<typeof meet>): Promise<void> {
  const { receipt, jobs, ids } = await meet(...args)
  const [done, ...others] = jobs.filter(({ processed }) => processed > 0)
  assert.deepEqual(others, [])
  assert.deepEqual(receipt.ingestJobs, [
    { id: done?.id, state: 'JobComplete', records: PER_CASE, attempt: 1 },
  ])
  const [{ sandbox }] = args
  for (const id of ids) assert.equal(sandbox.referee.verdictsOf(id).length, 1, id)
}

/** A job that never got its data is dropped by Salesforce; with data it must not stay. */
export function assertNothingLeft(jobs: Jobs): void {
  const left = jobs.filter(
    ({ state, uploadedBytes, gone, finishedAt }) =>
      !gone && finishedAt === null && !(state === 'Open' && uploadedBytes === 0),
  )
  assert.deepEqual(left, [])
}

/** How often BullMQ handed each ingest job out, from its own journal. */
export async function timesTaken({ store }: World): Promise<number[]> {
  const key = `${store.ledger.keys.prefix}:ingest-jobs:events`
  const taken = new Map<string, number>()
  for (const [, fields] of await store.redis.xrange(key, '-', '+')) {
    const job = fields[fields.indexOf('jobId') + 1] ?? ''
    if (fields[fields.indexOf('event') + 1] !== 'active') continue
    taken.set(job, (taken.get(job) ?? 0) + 1)
  }
  return [...taken.values()]
}

/** After all cases of a world: no rule was broken, no attempt spent, nothing counted twice. */
export async function assertWorldIsWell(world: World, cases: readonly FaultCase[]): Promise<void> {
  const stats = await world.sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 0)
  assert.deepEqual(stats.violationCounts, {})
  assert.equal(stats.deletedTwice, 0)
  const deleted = cases.reduce((sum, one) => sum + expectedOf(one).deleted, 0)
  assert.equal(stats.rowsDeleted, deleted)
  const taken = await timesTaken(world)
  assert.ok(taken.length >= cases.length)
  assert.deepEqual([...new Set(taken)], [1])
}
