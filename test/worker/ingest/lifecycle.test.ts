import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, describe, test } from 'node:test'
import { type Clock, systemClock } from '../../../src/shared/base/clock.ts'
import { totalOf } from '../../../src/shared/contract/receipt.ts'
import { deleteIds, linesOf, outcome } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)

/** Each poll finds the job at its end, so that calls can be counted. */
const clock: Clock = {
  now: systemClock.now,
  sleep: async (ms, signal) => {
    await world.sandbox.idle()
    await systemClock.sleep(Math.min(ms, 10), signal)
  },
}
const world = await startWorld(scope, { redis, clock, org: { maxJobRecords: 100 } })
await world.startWorker()

afterEach(() => {
  world.sandbox.setRows({})
  world.sandbox.faults.clear()
})

let used = 0
function fresh(count: number): string[] {
  used += count
  return ids18(count, used - count)
}

function callsOf(operations: readonly string[]): number[] {
  const { calls } = world.sandbox.referee.stats()
  return operations.map((operation) => calls[operation]?.received ?? 0)
}

describe('an ingest job', () => {
  test('without failures costs three calls and its polls, and downloads nothing', async () => {
    const operations = ['create', 'upload', 'close', 'get', 'failedResults', 'successfulResults']
    const before = callsOf(operations)
    const receipt = await deleteIds(world, fresh(50))
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 50 }))
    const spent = callsOf(operations).map((count, k) => count - (before[k] ?? 0))
    assert.deepEqual(spent, [1, 1, 1, 1, 0, 0])
  })

  test('with failures costs one download more', async () => {
    const ids = fresh(30)
    world.sandbox.setRows({ rules: [{ code: 'DELETE_FAILED', ids: ids.slice(0, 3) }] })
    const before = callsOf(['failedResults', 'successfulResults', 'unprocessedRecords', 'get'])
    const receipt = await deleteIds(world, ids)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 27, failed: 3 }))
    const now = callsOf(['failedResults', 'successfulResults', 'unprocessedRecords', 'get'])
    assert.deepEqual(
      now.map((count, k) => count - (before[k] ?? 0)),
      [1, 0, 0, 1],
    )
  })

  test('of which every row fails tells so for each of them', async () => {
    const ids = fresh(40)
    world.sandbox.setRows({ rules: [{ code: 'INSUFFICIENT_ACCESS_OR_READONLY' }] })
    const receipt = await deleteIds(world, ids)
    assert.equal(receipt.status, 'incomplete')
    assert.equal(receipt.error, null)
    assert.deepEqual(receipt.outcome, outcome({ failed: 40 }))
    assert.deepEqual(receipt.failures, { INSUFFICIENT_ACCESS_OR_READONLY: 40 })
    const failed = await linesOf(world, receipt.id, 'failed.csv')
    assert.deepEqual(failed?.map((line) => line.split(',')[0]).sort(), [...ids].sort())
    assert.equal(await linesOf(world, receipt.id, 'unprocessed.csv'), null)
  })

  test('that finds every record gone completes its request', async () => {
    world.sandbox.setRows({ rules: [{ code: 'ENTITY_IS_DELETED' }] })
    const receipt = await deleteIds(world, fresh(7))
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(receipt.outcome, outcome({ alreadyGone: 7 }))
    assert.deepEqual(await filesOf(receipt.id), ['receipt.json'])
  })

  test('whose results leave rows out sends those again', async () => {
    const ids = fresh(60)
    const hidden = ids.slice(10, 14)
    world.sandbox.setRows({
      rules: [
        { code: 'MISSING_FROM_RESULTS', ids: hidden },
        { code: 'DELETE_FAILED', ids: ids.slice(0, 1) },
      ],
    })
    // The job counts fewer rows than were sent: only then is anybody to wonder.
    world.sandbox.faults.add({
      on: 'job',
      times: 1,
      action: { do: 'fail', code: 'Unknown', afterRows: 60 },
    })
    const receipt = await deleteIds(world, ids)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 59, failed: 1 }))
    assert.deepEqual(
      receipt.ingestJobs.map(({ records, attempt }) => [records, attempt]),
      [
        [60, 1],
        [4, 2],
      ],
    )
  })

  test('whose failures are cut short leaves nobody deleted who was not', async () => {
    const ids = fresh(12)
    world.sandbox.setRows({ rules: [{ code: 'DELETE_FAILED', ids: ids.slice(0, 4) }] })
    const text = `"sf__Id","sf__Error",Id\n"","DELETE_FAILED:no:--","${ids[0]}"\n`
    world.sandbox.faults.add({
      on: 'failedResults',
      action: { do: 'answer', status: 200, contentType: 'text/csv', text },
    })
    const receipt = await deleteIds(world, ids)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 8, failed: 1, unprocessed: 3 }))
    assert.deepEqual(await linesOf(world, receipt.id, 'unprocessed.csv'), ids.slice(1, 4))
  })

  test('that fails in the middle keeps what was done, and the rest goes again', async () => {
    const ids = fresh(80)
    world.sandbox.setRows({ rules: [{ code: 'DELETE_FAILED', ids: ids.slice(0, 2) }] })
    world.sandbox.faults.add({
      on: 'job',
      times: 1,
      action: { do: 'fail', code: 'TooManyLockFailure', afterRows: 30 },
    })
    const receipt = await deleteIds(world, ids)
    assert.equal(receipt.status, 'incomplete')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 78, failed: 2 }))
    assert.equal(receipt.ingestJobs[0]?.state, 'Failed')
    assert.equal(await linesOf(world, receipt.id, 'unprocessed.csv'), null)
  })

  test('that somebody aborts keeps what was done before, and the rest goes again', async () => {
    const ids = fresh(20)
    world.sandbox.faults.add({ on: 'job', times: 1, action: { do: 'hold', afterRows: 5 } })
    const done = deleteIds(world, ids)
    const { jobs } = await world.sandbox.referee.until(({ jobs }) => jobs.at(-1)?.processed === 5)
    await patch(jobs.at(-1)?.id ?? '', 'Aborted')
    const receipt = await done
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 20 }))
    assert.deepEqual(
      receipt.ingestJobs.map(({ state, records, attempt }) => [state, records, attempt]),
      [
        ['Aborted', 20, 1],
        ['JobComplete', 15, 2],
      ],
    )
  })

  test('that Salesforce no longer knows goes again: what is gone by then, we have deleted', async () => {
    const ids = fresh(10)
    world.sandbox.faults.add({ on: 'job', times: 1, action: { do: 'vanish', afterRows: 5 } })
    const receipt = await deleteIds(world, ids)
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 10 }))
    assert.deepEqual(
      receipt.ingestJobs.map(({ state, records, attempt }) => [state, records, attempt]),
      [
        ['Vanished', 10, 1],
        ['JobComplete', 10, 2],
      ],
    )
  })

  test('that Salesforce refuses to create fails its request with the code', async () => {
    world.sandbox.faults.add({
      on: 'create',
      times: 1,
      action: { do: 'answer', status: 400, errorCode: 'INVALIDENTITY', message: 'not supported' },
    })
    const ids = fresh(3)
    const receipt = await deleteIds(world, ids)
    assert.equal(receipt.status, 'failed')
    assert.equal(receipt.error?.code, 'INVALIDENTITY')
    assert.deepEqual(receipt.outcome, outcome({ unprocessed: 3 }))
    assert.deepEqual(receipt.ingestJobs, [])
    assert.deepEqual(await linesOf(world, receipt.id, 'unprocessed.csv'), ids)
  })

  test('whose results nobody can read ends without verdicts, and the receipt names it', async () => {
    const ids = fresh(5)
    world.sandbox.setRows({ rules: [{ code: 'DELETE_FAILED', ids: ids.slice(0, 1) }] })
    world.sandbox.faults.add({
      on: 'failedResults',
      action: { do: 'answer', status: 200, contentType: 'text/csv', text: 'What,Ever\n1,2\n' },
    })
    const receipt = await deleteIds(world, ids)
    assert.equal(receipt.status, 'incomplete')
    assert.equal(receipt.error?.code, 'RESULT_FORMAT')
    assert.equal(receipt.ingestJobs[0]?.state, 'JobComplete')
    assert.deepEqual(receipt.outcome, outcome({ unprocessed: 5 }))
  })

  test('is one of many where a request is larger than the limit', async () => {
    const ids = fresh(250)
    world.sandbox.setRows({ rules: [{ code: 'DELETE_FAILED', ids: ids.slice(90, 210) }] })
    const receipt = await deleteIds(world, ids)
    assert.equal(receipt.plan?.chunks, 3)
    assert.deepEqual(
      receipt.ingestJobs.map(({ records }) => records),
      [100, 100, 50],
    )
    assert.deepEqual(receipt.outcome, outcome({ deleted: 130, failed: 120 }))
    // Parts are joined in the order of their chunks, each in any order of its rows.
    const failed = await linesOf(world, receipt.id, 'failed.csv')
    const sorted = failed?.map((line) => line.split(',')[0] ?? '') ?? []
    assert.deepEqual(sorted.slice(0, 10).sort(), ids.slice(90, 100).sort())
    assert.deepEqual(sorted.slice(110).sort(), ids.slice(200, 210).sort())
    assert.deepEqual(await filesOf(receipt.id), ['failed.csv', 'receipt.json'])
  })
})

test('the sandbox saw no breach of the rules, and as many verdicts as were written down', async () => {
  const stats = world.sandbox.referee.stats()
  // The three rows whose failures were cut short, in each of five jobs more: the first attempt does not count,
  // because most of its rows got a verdict.
  assert.deepEqual(stats.violationCounts, { DUPLICATE_IN_RUN: 15 })
  assert.equal(stats.deletedTwice, 0)
  const records = await world.producer.list({ org: world.org, count: 100 })
  for (const { id, receipt } of records) {
    assert.equal(receipt?.outcome && totalOf(receipt.outcome), receipt?.plan?.accepted, id)
  }
})

/** What is there once the parts are cleared away, which is done after the receipt is out. */
async function filesOf(id: string): Promise<string[]> {
  for (;;) {
    // The receipt is written once more after it counts: its next copy may be on its way in.
    const all = await readdir(join(world.results, world.org, id))
    const files = all.filter((name) => !name.endsWith('.tmp'))
    if (!files.some((file) => file.startsWith('parts'))) return files.sort()
    await systemClock.sleep(5)
  }
}

/** What another user of the org does. */
async function patch(jobId: string, state: string): Promise<void> {
  const { url, clientId, clientSecret } = world.sandbox
  const login = await fetch(`${url}/services/oauth2/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
    }),
  })
  const answer: unknown = await login.json()
  assert.ok(typeof answer === 'object' && answer !== null && 'access_token' in answer)
  const patched = await fetch(`${url}/services/data/v61.0/jobs/ingest/${jobId}`, {
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${answer.access_token}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ state }),
  })
  assert.equal(patched.status, 200)
}
