import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createSalesforce, type Salesforce } from '../../../src/shared/salesforce/client.ts'
import type { Checkpoint } from '../../../src/worker/ingest/step.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { linesOf, outcome, receiptOf, statusReached, submitIds } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'

/**
 * A worker died at a checkpoint, before or after the step behind it took effect. Another finds the
 * checkpoint, does not know which, and goes on: every id is deleted, by one job, and told of once.
 */

const scope = inReverse(after)
const redis = await startRedis(scope)
const world = await startWorld(scope, { redis, clock: leapingClock() })
await world.startWorker()
const { ingest } = connect()

/** What the worker that died had done in Salesforce. */
const opened = async () => (await ingest.create({ object: 'Contact', operation: 'delete' })).id
const uploaded = async (ids: readonly string[]) => {
  const jobId = await opened()
  const csv = Buffer.from(`Id\n${ids.join('\n')}\n`)
  await ingest.upload(jobId, { bytes: csv.length, stream: blocksOf(csv) })
  return jobId
}
const closed = async (ids: readonly string[]) => {
  const jobId = await uploaded(ids)
  await ingest.close(jobId)
  return jobId
}
const finished = async (ids: readonly string[]) => {
  const jobId = await closed(ids)
  await world.sandbox.idle()
  return jobId
}
const aborted = async (ids: readonly string[]) => {
  const jobId = await uploaded(ids)
  await ingest.abort(jobId)
  return jobId
}
const removed = async (ids: readonly string[]) => {
  const jobId = await finished(ids)
  await ingest.remove(jobId)
  return jobId
}
const abortedAndRemoved = async (ids: readonly string[]) => {
  const jobId = await aborted(ids)
  await ingest.remove(jobId)
  return jobId
}
const since = Date.now()

interface Case {
  readonly title: string
  readonly prepare: (ids: readonly string[]) => Promise<Checkpoint>
  /** How many jobs of the sandbox carried data that was processed: never more than one. */
  readonly jobs: 'same' | 'another'
}

const CASES: readonly Case[] = [
  {
    title: 'create, nothing was created',
    prepare: async () => ({ step: 'create' }),
    jobs: 'another',
  },
  {
    title: 'create, a job was created and its answer lost',
    prepare: async () => {
      await opened()
      return { step: 'create' }
    },
    jobs: 'another',
  },
  {
    title: 'upload, nothing had arrived',
    prepare: async () => ({ step: 'upload', jobId: await opened() }),
    jobs: 'another',
  },
  {
    title: 'upload, everything had arrived',
    prepare: async (ids) => ({ step: 'upload', jobId: await uploaded(ids) }),
    jobs: 'another',
  },
  {
    title: 'upload, the job was aborted for the doubt, and then the worker died',
    prepare: async (ids) => ({ step: 'upload', jobId: await aborted(ids) }),
    jobs: 'another',
  },
  {
    title: 'upload, the job is gone',
    prepare: async (ids) => ({ step: 'upload', jobId: await abortedAndRemoved(ids) }),
    jobs: 'another',
  },
  {
    title: 'close, it had not been closed',
    prepare: async (ids) => ({ step: 'close', jobId: await uploaded(ids) }),
    jobs: 'same',
  },
  {
    title: 'close, it had been closed and runs',
    prepare: async (ids) => {
      world.sandbox.faults.add({ on: 'job', times: 1, action: { do: 'hold', ms: 50 } })
      return { step: 'close', jobId: await closed(ids) }
    },
    jobs: 'same',
  },
  {
    title: 'close, it had been closed and is complete',
    prepare: async (ids) => ({ step: 'close', jobId: await finished(ids) }),
    jobs: 'same',
  },
  {
    title: 'wait, it runs',
    prepare: async (ids) => {
      world.sandbox.faults.add({ on: 'job', times: 1, action: { do: 'hold', ms: 50 } })
      return { step: 'wait', jobId: await closed(ids), since }
    },
    jobs: 'same',
  },
  {
    title: 'wait, it is complete',
    prepare: async (ids) => ({ step: 'wait', jobId: await finished(ids), since }),
    jobs: 'same',
  },
  {
    title: 'collect',
    prepare: async (ids) => ({ step: 'collect', jobId: await finished(ids) }),
    jobs: 'same',
  },
]

describe('an ingest job goes on at its checkpoint:', () => {
  for (const [index, { title, prepare, jobs }] of CASES.entries()) {
    test(title, async () => {
      const ids = ids18(20, index * 20)
      const { receipt, checkpoint } = await resume(ids, prepare)
      assert.equal(receipt.status, 'completed')
      assert.deepEqual(receipt.outcome, outcome({ deleted: ids.length }))
      const [line] = receipt.ingestJobs
      const former = 'jobId' in checkpoint ? checkpoint.jobId : ''
      assert.equal(line?.id === former, jobs === 'same')
      for (const id of ids) {
        assert.deepEqual(world.sandbox.referee.verdictsOf(id), ['DELETED'])
      }
    })
  }

  test('close, wait or collect, and the job is gone: its rows go again', async () => {
    for (const [index, step] of (['close', 'wait', 'collect'] as const).entries()) {
      const ids = ids18(20, (CASES.length + index) * 20)
      const { receipt } = await resume(ids, async () => {
        const jobId = await (step === 'close' ? abortedAndRemoved(ids) : removed(ids))
        return step === 'wait' ? { step, jobId, since } : { step, jobId }
      })
      assert.equal(receipt.status, 'completed')
      // Nobody can tell what the first job did, but somebody has: it was ours.
      assert.deepEqual(receipt.outcome, outcome({ deleted: 20 }))
      const lines = receipt.ingestJobs.map(({ state, attempt }) => [state, attempt])
      assert.deepEqual(lines, [
        ['Vanished', 1],
        ['JobComplete', 2],
      ])
    }
  })
})

test('a job that has not ended after a day is aborted, and the rest goes again', async () => {
  const ids = ids18(20, 900)
  world.sandbox.faults.add({ on: 'job', times: 1, action: { do: 'hold', afterRows: 8 } })
  const { receipt } = await resume(ids, async () => {
    const jobId = await closed(ids)
    await world.sandbox.referee.until(({ jobs }) => jobs.at(-1)?.processed === 8)
    return { step: 'wait', jobId, since: Date.now() - 25 * 3600_000 }
  })
  assert.deepEqual(receipt.outcome, outcome({ deleted: 20 }))
  const lines = receipt.ingestJobs.map(({ state, records }) => [state, records])
  assert.deepEqual(lines, [
    ['Aborted', 20],
    ['JobComplete', 12],
  ])
})

test('a job under suspicion is aborted by whoever goes on, and the rest goes again', async () => {
  for (const [index, isAborted] of [false, true].entries()) {
    const ids = ids18(20, 920 + 20 * index)
    world.sandbox.faults.add({ on: 'job', times: 1, action: { do: 'hold', afterRows: 8 } })
    const { receipt } = await resume(ids, async () => {
      const jobId = await closed(ids)
      await world.sandbox.referee.until(({ jobs }) => jobs.at(-1)?.processed === 8)
      if (isAborted) await ingest.abort(jobId)
      return { step: 'wait', jobId, since: Date.now(), stopped: 'suspect' }
    })
    assert.deepEqual([receipt.status, receipt.error], ['completed', null])
    const lines = receipt.ingestJobs.map(({ state, records }) => [state, records])
    assert.deepEqual(lines, [
      ['Aborted', 20],
      ['JobComplete', 12],
    ])
  }
})

test('a checkpoint of a newer worker is left to it: the job is put aside, not failed', async () => {
  const id = await planned(ids18(3, 1000))
  const [order = ''] = (await world.store.ledger.openChunks(id)).values()
  const checkpoint = JSON.stringify({ step: 'levitate', jobId: '750' })
  await world.store.redis.hset(world.store.ledger.keys.ingest(order), { checkpoint })
  const queue = (await world.store.queues())['ingest-jobs']
  await world.producer.approve(id, { org: world.org })
  await until(async () => (await queue.getDelayedCount()) === 1)
  const [job] = await queue.getDelayed()
  assert.equal(job?.attemptsMade, 0)
  // Every worker of the old version will do so until the last is gone: none of that is a crash.
  assert.equal(await world.store.redis.hget(world.store.ledger.keys.ingest(order), 'starts'), '0')
  await world.store.redis.hdel(world.store.ledger.keys.ingest(order), 'checkpoint')
  await job?.promote()
  assert.equal((await receiptOf(world, id)).status, 'completed')
})

test('what kills every worker is given up after five of them', async () => {
  const ids = ids18(4, 1100)
  const id = await planned(ids)
  const [order = ''] = (await world.store.ledger.openChunks(id)).values()
  const jobId = await uploaded(ids)
  await world.store.redis.hset(world.store.ledger.keys.ingest(order), {
    checkpoint: JSON.stringify({ step: 'upload', jobId }),
    starts: 5,
  })
  await world.producer.approve(id, { org: world.org })
  const receipt = await receiptOf(world, id)
  assert.equal(receipt.status, 'incomplete')
  assert.equal(receipt.error?.code, 'CRASHED')
  assert.deepEqual(receipt.outcome, outcome({ unprocessed: 4 }))
  assert.deepEqual(await linesOf(world, id, 'unprocessed.csv'), ids)
  assert.deepEqual(receipt.ingestJobs, [{ id: jobId, state: 'Abandoned', records: 4, attempt: 1 }])
})

test('no job was left open with data, and no rule was broken', () => {
  const { jobs, violationCounts, deletedTwice } = world.sandbox.referee.stats()
  const open = jobs.filter(({ state, uploadedBytes }) => state === 'Open' && uploadedBytes > 0)
  // The one of the poison, which no worker dares to touch again: never closed, it never runs.
  assert.equal(open.length, 1)
  // The rows of the two jobs that were gone: nobody had read what became of them.
  assert.deepEqual(violationCounts, { DUPLICATE_IN_RUN: 40 })
  assert.equal(deletedTwice, 0)
})

async function resume(
  ids: readonly string[],
  prepare: (ids: readonly string[]) => Promise<Checkpoint>,
) {
  const id = await planned(ids)
  const checkpoint = await prepare(ids)
  const [order = ''] = (await world.store.ledger.openChunks(id)).values()
  await world.store.redis.hset(world.store.ledger.keys.ingest(order), {
    checkpoint: JSON.stringify(checkpoint),
    starts: 1,
  })
  await world.producer.approve(id, { org: world.org })
  return { checkpoint, receipt: await receiptOf(world, id) }
}

async function planned(ids: readonly string[]): Promise<string> {
  const id = await submitIds(world, ids, { approval: 'required' })
  await statusReached(world, id, 'awaiting-approval')
  return id
}

async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 5))
}

function connect(): Salesforce {
  const org = world.config.orgs.get(world.org)
  assert.ok(org?.credentials)
  const { credentials, apiVersion } = org
  const salesforce = createSalesforce({ credentials, apiVersion, proxyEnv: {} })
  scope.after(async () => salesforce.close())
  return salesforce
}

async function* blocksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
