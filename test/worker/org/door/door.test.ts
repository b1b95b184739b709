import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { Job } from 'bullmq'
import { parseRequest, toStored } from '../../../../src/shared/contract/request.ts'
import { bodyHash } from '../../../../src/shared/store/intake/taken.ts'
import { sweep, sweepRequest } from '../../../../src/worker/upkeep/sweep.ts'
import { leapingClock } from '../../../helpers/clock.ts'
import { outcome, receiptOf, submitIds } from '../../../helpers/deletion.ts'
import { endedJob, GENERATED, startDoor } from '../../../helpers/door.ts'
import { id18, ids18 } from '../../../helpers/ids.ts'
import { context, planByHand, plannerDeps } from '../../../helpers/planning.ts'
import { poll } from '../../../helpers/poll.ts'
import { inReverse } from '../../../helpers/scope.ts'
import { startWorld, type World } from '../../../helpers/world.ts'

/** Other systems submit with nothing but BullMQ: a queue, a job name, a job id, and the request. */

const scope = inReverse(after)
const { redis, lines, world, queue, request } = await startDoor(scope)
const enqueue = (data: unknown, jobId?: string) =>
  queue.add('deletion-request', data, jobId === undefined ? {} : { jobId })
const ended = ({ id }: Job) => endedJob(queue, id)

describe('a job deletion-request', () => {
  test('is a request like any other; its job id names it', async () => {
    const labels = { caller: 'crm', ticket: '42' }
    await enqueue(request({ labels }), 'r-crm.42')
    const receipt = await receiptOfNew('crm.42')
    assert.equal(receipt.status, 'completed')
    assert.deepEqual(receipt.outcome, outcome({ deleted: 2 }))
    const record = await world.store.ledger.load('crm.42')
    assert.deepEqual(record?.request.source, { type: 'ids' })
    assert.deepEqual([record?.request.labels, receipt.labels], [labels, labels])
    assert.equal(receipt.submittedBy, 'bullmq:r-crm.42')
  })

  test('may be enqueued again: what is there already is not run again', async () => {
    const body = request({ id: 'crm-43' })
    await enqueue(body, 'r-crm-43')
    await receiptOfNew('crm-43')
    const before = world.sandbox.referee.stats().jobs.length
    const again = await enqueue(body, 'another')
    await ended(again)
    assert.equal(world.sandbox.referee.stats().jobs.length, before)
  })

  test('that is no valid request ends refused, with a receipt that names every fault', async () => {
    await enqueue({ ...request(), objekt: 'Contact', maxRecords: -1 }, 'r-crm-44')
    const receipt = await receiptOfNew('crm-44')
    assert.equal(receipt.status, 'refused')
    assert.equal(receipt.error?.code, 'INVALID_REQUEST')
    assert.match(receipt.error?.message ?? '', /maxRecords/)
    assert.match(receipt.error?.message ?? '', /objekt/)
    assert.equal(receipt.plan, null)
  })

  test('that is no object at all ends refused under its job id', async () => {
    await enqueue('delete everything', 'r-crm-45')
    assert.equal((await receiptOfNew('crm-45')).status, 'refused')
  })

  test('for another org is refused in this one', async () => {
    await enqueue(request({ org: 'elsewhere' }), 'r-crm-46')
    const receipt = await receiptOfNew('crm-46')
    assert.equal(receipt.status, 'refused')
    assert.match(receipt.error?.message ?? '', /elsewhere/)
  })

  test('for an object that the org does not allow ends refused, with a receipt', async () => {
    await enqueue(request({ object: 'Contakt' }), 'r-crm-typo')
    const { status, object, error } = await receiptOfNew('crm-typo')
    assert.deepEqual([status, object, error?.code], ['refused', 'Contakt', 'UNKNOWN_OBJECT'])
    assert.match(error?.message ?? '', /Did you mean Contact\?/)
  })

  test('of an upload is refused: there are no bytes', async () => {
    const of = [{ type: 'ids', ids: [] }, { type: 'upload' }]
    await enqueue(request({ source: { type: 'union', of } }), 'r-crm-47')
    const { code, message = '' } = (await receiptOfNew('crm-47')).error ?? {}
    assert.equal(code, 'INVALID_REQUEST')
    assert.match(message, /source\.of\.1\.type: expected one of ids, file, http, .*, got upload/)
  })

  test('is written to the audit log once, like every other submission', async () => {
    const body = request({ reason: 'Art. 17', operation: 'delete' })
    const audited = () => lines.filter(({ audit }) => audit !== undefined)
    await enqueue(body, 'r-audited')
    await receiptOfNew('audited')
    await ended(await enqueue({ ...body, id: 'audited' }, 'again'))
    const own = audited().filter((line) => line['request'] === 'audited')
    const { audit, door, org, job, reason, object, dryRun } = own[0] ?? {}
    assert.deepEqual(
      [own.length, audit, door, org, job, reason, object, dryRun],
      [1, 'submit', 'bullmq', world.org, 'r-audited', 'Art. 17', 'Contact', false],
    )
  })

  test('keeps nothing but the id of its request, whatever came of it', async () => {
    const ids = { source: { type: 'ids', ids: ids18(2, 7000) } }
    const answers = [
      ['r-kept', request(ids), 'kept', 'queued'],
      ['same', request({ ...ids, id: 'KEPT' }), 'kept', 'completed'],
      ['other', request({ id: 'kept', dryRun: true }), GENERATED, 'refused'],
      ['r-kept-2', { nonsense: 1, id: 'kept' }, GENERATED, 'refused'],
      ['r-wrong', { ...request(ids), nonsense: 1 }, 'wrong', 'refused'],
    ] as const
    for (const [jobId, data, name, status] of answers) {
      const job = await ended(await enqueue(data, jobId))
      const { request: id } = job.returnvalue
      await receiptOfNew(id)
      assert.match(id, name instanceof RegExp ? name : new RegExp(`^${name}$`))
      assert.deepEqual(job.returnvalue, { request: id, status })
      assert.deepEqual(job.data, { request: id })
      const kept = JSON.stringify(await world.store.redis.hgetall(queue.toKey(jobId)))
      assert.ok(!kept.includes(id18(7000).slice(0, 15)))
    }
  })

  test('that is run again once it has ended enters nothing anew', async () => {
    const job = await ended(await enqueue(request(), 'r-twice'))
    await receiptOfNew('twice')
    const before = world.sandbox.referee.stats().rowsReceived
    await job.retry('completed')
    const again = await ended(job)
    assert.deepEqual(again.returnvalue, { request: 'twice', status: 'completed' })
    assert.equal(world.sandbox.referee.stats().rowsReceived, before)
  })

  test('leaves Redis with the records, whatever its own options say', async () => {
    const { redis: client, ledger, queues } = world.store
    const leaving = { jobId: 'r-leaving-3' }
    const jobs = [
      await ended(await enqueue(request(), 'r-leaving')),
      await ended(await enqueue('nothing', 'r-leaving-2')),
      await endedJob(
        (await queues()).callbacks,
        (await (await queues()).callbacks.add('strange', {}, leaving)).id,
      ),
    ]
    const sweepNow = async () => {
      await client.del(ledger.keys.sweeper)
      await sweep({ ...(await plannerDeps(world)), intervalMs: 1 }, context())
      return Promise.all(jobs.map((job) => job.getState()))
    }
    const states = ['completed', 'failed', 'failed'] as const
    assert.deepEqual(await sweepNow(), states)
    const before = Date.now() - 31 * 24 * 3600_000
    for (const [at, job] of jobs.entries()) {
      const keyOf = (part = '') => ledger.keys.job(job.queueName, part)
      await client.zadd(keyOf(states[at]), before, job.id ?? '')
      await client.hset(keyOf(job.id), 'finishedOn', before)
    }
    // The worker's own sweep may have its turn meanwhile.
    await poll(async () => (await sweepNow()).every((state) => state === 'unknown') || null)
  })

  test('under an id that is taken changes nothing', async () => {
    const id = await submitIds(world, ids18(3, 5000), { id: 'taken' })
    const receipt = await receiptOf(world, id)
    for (const [data, code] of [
      [request(), 'ID_TAKEN'],
      [{ nonsense: true }, 'INVALID_REQUEST'],
    ] as const) {
      const job = await ended(await enqueue(data, 'r-taken'))
      assert.match(job.returnvalue.request, GENERATED)
      assert.equal((await receiptOf(world, job.returnvalue.request)).error?.code, code)
      await job.remove()
    }
    assert.deepEqual((await world.store.ledger.load(id))?.receipt, receipt)
  })
})

test('a job that cannot even be refused is put aside, whatever its options, and ends later', async (t) => {
  const own = await startWorld(t, { redis, clock: leapingClock() })
  await own.startWorker()
  const blocked = join(own.results, own.org)
  await writeFile(blocked, 'where the folders of the requests belong')
  const target = (await own.store.queues()).requests
  const { id = '' } = await target.add('deletion-request', { nonsense: true }, { jobId: 'r-odd' })
  while (!['delayed', 'failed', 'unknown'].includes(await target.getJobState(id))) await pause()
  const job = await target.getJob(id)
  assert.equal(await job?.getState(), 'delayed')
  assert.equal(job?.attemptsMade, 0)
  await rm(blocked)
  await job?.promote()
  assert.equal((await receiptOf(own, 'odd')).plan, null)
})

describe('a request that came to be refused ends so where the worker died', () => {
  const refusal = { code: 'UNKNOWN_JOB', message: 'Expected another job name.' }
  const ends = {
    'and the sweep meets it': async (own: World, id: string) => {
      await sweepRequest(id, { ...(await plannerDeps(own)), intervalMs: 1 }, context())
    },
    'and it is planned': async (own: World, id: string) => {
      await planByHand(own, id, await plannerDeps(own))
    },
  }
  for (const [title, end] of Object.entries(ends)) {
    test(title, async (t) => {
      const own = await startWorld(t, { redis })
      const source = { type: 'ids', ids: [] }
      const entered = toStored(parseRequest({ id: 'half', object: 'Lead', source }, 0))
      const digest = bodyHash(entered, null)
      const submission = { request: entered, bodyHash: digest, staged: null, submittedAt: 0 }
      await own.store.enter({ ...submission, refusal })
      await end(own, 'half')
      const { status, error } = await receiptOf(own, 'half')
      assert.deepEqual([status, error], ['refused', refusal])
    })
  }
})

describe('job data of a newer version', () => {
  const cases = [
    { queue: 'requests', name: 'plan', data: { v: 2, step: 'plan', id: 'x' } },
    { queue: 'requests', name: 'dance', data: { v: 1, step: 'dance', id: 'x' } },
    { queue: 'ingest-jobs', name: 'ingest', data: { v: 2, order: 'x.0.1' } },
  ] as const
  for (const { queue: name, name: job, data } of cases) {
    test(`in ${name} (${job}) is put aside for a worker that knows it, and never fails`, async () => {
      const target = (await world.store.queues())[name]
      const { id = '' } = await target.add(job, data, { jobId: `new-${job}` })
      while ((await target.getJobState(id)) !== 'delayed') await pause()
      const put = await target.getJob(id)
      assert.equal(put?.attemptsMade, 0)
      assert.deepEqual(put?.data, data)
      await target.remove(id)
    })
  }
})

const pause = () => new Promise((resolve) => setTimeout(resolve, 5))

async function receiptOfNew(id: string) {
  while ((await world.store.ledger.load(id)) === null) await pause()
  return receiptOf(world, id)
}
