import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { CallFault } from '../../../src/sandbox/sandbox.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { deleteIds, outcome } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { poll } from '../../helpers/poll.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'

/** Faults of the org are waited out in the slot: the request never learns of them. */

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis, clock: leapingClock() })
await world.startWorker()

const unavailable = { do: 'answer', status: 503, errorCode: 'SERVER_UNAVAILABLE' } as const
const html = { do: 'answer', status: 200, body: 'html' } as const

/** Each once, unless it says otherwise. */
const FAULTS: Readonly<Record<string, readonly CallFault[]>> = {
  'create answers 503': [{ on: 'create', action: unavailable }],
  'create takes effect and answers 503': [
    { on: 'create', action: { ...unavailable, effect: true } },
  ],
  'create answers with a page of HTML': [{ on: 'create', action: html }],
  'upload answers 503': [{ on: 'upload', action: unavailable }],
  'upload is stored and the connection breaks': [
    { on: 'upload', action: { do: 'reset', when: 'after' } },
  ],
  'upload breaks off in the middle': [
    { on: 'upload', action: { do: 'reset', when: 'during', afterBytes: 100 } },
  ],
  'upload is stored, the connection breaks, and so does the abort of the doubtful job': [
    { on: 'upload', action: { do: 'reset', when: 'after' } },
    { on: 'abort', action: { do: 'reset', when: 'after' } },
  ],
  'upload fails many times in a row': [{ on: 'upload', times: 12, action: unavailable }],
  'close answers 503': [{ on: 'close', action: unavailable }],
  'close takes effect and the connection breaks': [
    { on: 'close', action: { do: 'reset', when: 'after' } },
  ],
  'close answers what nobody expects, after a long outage': [
    { on: 'close', times: 8, action: unavailable },
    { on: 'close', nth: 9, action: { do: 'answer', status: 400, errorCode: 'NEVER_HEARD_OF' } },
  ],
  'a poll answers 503': [{ on: 'get', action: unavailable }],
  'a poll answers 500 with a page of HTML': [
    { on: 'get', action: { do: 'answer', status: 500, body: 'html' } },
  ],
  'every poll fails for a while': [{ on: 'get', times: 15, action: unavailable }],
  'failedResults answers with a page of HTML': [{ on: 'failedResults', action: html }],
  'failedResults breaks off in the middle': [
    { on: 'failedResults', times: 3, action: { do: 'reset', when: 'during', afterBytes: 60 } },
  ],
  'the token expires at create': [{ on: 'create', action: { do: 'expireTokens' } }],
  'the token expires at upload': [{ on: 'upload', action: { do: 'expireTokens' } }],
  'the token expires at close': [{ on: 'close', action: { do: 'expireTokens' } }],
  'the token expires at a poll': [{ on: 'get', action: { do: 'expireTokens' } }],
  'the token expires at failedResults': [{ on: 'failedResults', action: { do: 'expireTokens' } }],
  'the daily limit is reached for a while': [
    {
      on: '*',
      times: 10,
      action: { do: 'answer', status: 403, errorCode: 'REQUEST_LIMIT_EXCEEDED' },
    },
  ],
}

describe('a request is not touched by a fault of the org:', () => {
  for (const [index, [title, faults]] of Object.entries(FAULTS).entries()) {
    test(title, async () => {
      const ids = ids18(20, index * 20)
      world.sandbox.setRows({ rules: [{ code: 'ENTITY_IS_DELETED', ids: ids.slice(0, 4) }] })
      world.sandbox.faults.clear()
      const added = faults.map((fault) => world.sandbox.faults.add({ times: 1, ...fault }))
      const receipt = await deleteIds(world, ids)
      assert.equal(receipt.status, 'completed')
      assert.deepEqual(receipt.outcome, outcome({ deleted: 16, alreadyGone: 4 }))
      assert.equal(receipt.ingestJobs[0]?.attempt, 1)
      const fired = world.sandbox.faults.list().map((fault) => fault.fired)
      assert.ok(
        added.every((_, k) => (fired[k] ?? 0) > 0),
        `fired ${fired}`,
      )
    })
  }
})

describe('an answer that does not speak of the object', () => {
  const refusals = [
    ['a user whose password has expired', 403, 'INVALID_OPERATION_WITH_EXPIRED_PASSWORD', 'login'],
    ['a client that the user may not use', 403, 'CLIENT_NOT_ACCESSIBLE_FOR_USER', 'login'],
    ['a code that nobody has heard of', 400, 'NEVER_HEARD_OF', 'outage'],
  ] as const
  for (const [index, [what, status, errorCode, reason]] of refusals.entries()) {
    test(`ends none of the requests that wait, but pauses the org: ${what}`, async () => {
      world.sandbox.faults.clear()
      const action = { do: 'answer', status, errorCode, message: 'Not now.' } as const
      const fault = world.sandbox.faults.add({ on: 'create', action })
      const before = world.sandbox.referee.stats().jobs.length
      const lists = Array.from({ length: 5 }, (_, k) => ids18(4, 6000 + index * 100 + k * 4))
      const receipts = Promise.all(lists.map((ids) => deleteIds(world, ids, { coalesce: false })))
      const paused = await poll(async () => (await world.store.ledger.pauseState()).fault)
      assert.equal(paused.reason, reason)
      assert.match(paused.message, new RegExp(`create with ${status} ${errorCode}: Not now`))
      world.sandbox.faults.remove(fault.id)

      for (const { status, outcome: counts } of await receipts) {
        assert.equal(status, 'completed')
        assert.deepEqual(counts, outcome({ deleted: 4 }))
      }
      assert.equal(world.sandbox.referee.stats().jobs.length - before, 5)
      await poll(async () => (await world.store.ledger.pauseState()).fault === null || null)
    })
  }

  test('to an upload leaves one ingest job, which takes it in the end', async () => {
    world.sandbox.faults.clear()
    world.sandbox.faults.add({
      ...{ on: 'upload', times: 8 },
      action: { do: 'answer', status: 400, errorCode: 'NEVER_HEARD_OF' },
    })
    const before = world.sandbox.referee.stats().jobs.length
    const receipt = await deleteIds(world, ids18(5, 5000))
    assert.equal(receipt.status, 'completed')
    const jobs = world.sandbox.referee.stats().jobs.slice(before)
    assert.deepEqual(
      jobs.map(({ state }) => state),
      ['JobComplete'],
    )
  })
})

test('no attempt was spent, no rule broken, no id deleted twice', async () => {
  const { violationCounts, deletedTwice, jobs } = world.sandbox.referee.stats()
  assert.deepEqual(violationCounts, {})
  assert.equal(deletedTwice, 0)
  const taken = await timesTaken()
  assert.ok(taken.length >= Object.keys(FAULTS).length)
  assert.deepEqual([...new Set(taken)], [1])
  const open = jobs.filter(({ state, uploadedBytes }) => state === 'Open' && uploadedBytes > 0)
  assert.deepEqual(open, [])
})

/** How often each ingest job was taken up, from BullMQ's own journal. */
async function timesTaken(): Promise<number[]> {
  const { redis, ledger } = world.store
  const journal = await redis.xrange(`${ledger.keys.prefix}:ingest-jobs:events`, '-', '+')
  const taken = new Map<string, number>()
  for (const [, fields] of journal) {
    const at = fields.indexOf('jobId')
    if (fields[fields.indexOf('event') + 1] !== 'active' || at < 0) continue
    const job = fields[at + 1] ?? ''
    taken.set(job, (taken.get(job) ?? 0) + 1)
  }
  return [...taken.values()]
}
