import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { FlowProducer, type JobsOptions, QueueEvents } from 'bullmq'
import { REQUEST_BYTES } from '../../src/shared/contract/request.ts'
import { isNewerOrder } from '../../src/shared/store/queues/queues.ts'
import { deleteIds, outcome, receiptOf } from '../helpers/deletion.ts'
import { endedJob, GENERATED, startDoor } from '../helpers/door.ts'
import { fc, runs } from '../helpers/fast-check.ts'
import { ids18 } from '../helpers/ids.ts'
import { poll } from '../helpers/poll.ts'
import { inReverse } from '../helpers/scope.ts'

/** Whatever others put into our queues leaves a trace: a request that runs, or one that is refused. */

const scope = inReverse(after)
const { lines, world, options: common, queue, request } = await startDoor(scope)
const events = new QueueEvents('requests', { ...common, lastEventId: '0' })
const flows = new FlowProducer(common)
for (const part of [events, flows]) scope.after(() => part.close())

const { store } = world
const client = store.redis
const enqueue = (data: unknown, options: JobsOptions = {}) =>
  queue.add('deletion-request', data, options)
const rowsReceived = () => world.sandbox.referee.stats().rowsReceived

/** As a program without BullMQ might write it, or a port of it that is not as strict. */
async function addRaw(id: string, fields: Record<string, string>): Promise<void> {
  const job = { name: 'deletion-request', data: '{}', opts: '{}', delay: 0, priority: 0 }
  await client
    .multi()
    .hset(queue.toKey(id), { ...job, timestamp: Date.now(), ...fields })
    .lpush(queue.toKey('wait'), id)
    .zadd(queue.toKey('marker'), 0, '0')
    .exec()
}

/** That the job has failed, and that its request, its log line and its audit line say why. */
async function assertRefused(id: string | undefined, code: string, from = queue): Promise<string> {
  const job = await endedJob(from, id)
  const { request: name, status } = job.returnvalue
  assert.deepEqual([await job.getState(), status], ['failed', 'refused'])
  assert.ok(job.failedReason.startsWith(`${code}: `), job.failedReason)
  assert.ok(job.failedReason.includes(name), job.failedReason)
  assert.deepEqual([job.data, job.attemptsMade], [{ request: name }, 1])
  const receipt = await receiptOf(world, name)
  assert.deepEqual([receipt.status, receipt.error?.code, receipt.plan], ['refused', code, null])
  const listed = await store.ledger.list({ offset: 0, count: 100 })
  assert.ok(listed.records.some((record) => record.request.id === name))
  const told = lines.filter((line) => line['request'] === name && line['job'] === job.id)
  assert.ok(told.some((line) => line['audit'] === 'refuse' && line['code'] === code))
  assert.ok(told.some((line) => line['level'] === 'warn' && line['code'] === code))
  return name
}

describe('a job without an id', () => {
  test('has its request under a generated id, though its number is a request', async () => {
    await deleteIds(world, ids18(2, 9000), { id: '42' })
    await client.set(queue.toKey('id'), 41)
    const before = rowsReceived()
    const job = await enqueue(request())
    assert.equal(job.id, '42')
    const { request: id, status } = (await endedJob(queue, job.id)).returnvalue
    assert.match(id, GENERATED)
    assert.equal(status, 'queued')
    assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 2 }))
    assert.equal(rowsReceived(), before + 2)
  })

  test('gives the same id where it is delivered twice, and is run once', async () => {
    const body = request()
    const job = await endedJob(queue, (await enqueue(body)).id)
    const { request: id } = job.returnvalue
    await receiptOf(world, id)
    const before = rowsReceived()
    // As the crash of a worker leaves it that has entered the request and not said so yet.
    await client.hdel(queue.toKey(job.id ?? ''), 'expunge')
    await job.updateData(body)
    await job.retry('completed')
    const again = await endedJob(queue, job.id)
    assert.deepEqual(again.returnvalue, { request: id, status: 'completed' })
    assert.equal(rowsReceived(), before)
  })

  test('of a scheduler is a request of its own at each run', async () => {
    const runs = { every: 50, limit: 3 }
    const template = { name: 'deletion-request', data: request() }
    await queue.upsertJobScheduler('nightly', runs, template)
    const ended = await poll(async () => {
      const jobs = await queue.getCompleted()
      const runs = jobs.filter(({ id }) => id?.startsWith('repeat:nightly:'))
      return runs.length < 3 ? null : runs.map(({ returnvalue }) => returnvalue.request)
    })
    assert.equal(new Set(ended).size, 3)
    for (const id of ended) {
      assert.match(id, GENERATED)
      assert.equal((await receiptOf(world, id)).status, 'completed')
    }
    await queue.removeJobScheduler('nightly')
  })

  for (const [title, fields] of [
    ['whose runs BullMQ 6 does not order', { rjk: 'deletion-request::::500' }],
    ['of Bull', {}],
    ['of BullMQ 5, which has lost its data', { rjk: 'd41d8cd98f00b204', data: '{}' }],
  ] as const) {
    test(`of a repeatable job ${title}, is refused`, async () => {
      const id = `repeat:${title}:1796040000000`
      const data = JSON.stringify(request())
      await addRaw(id, { data, opts: '{"repeat":{"every":500}}', ...fields })
      assert.match(await assertRefused(id, 'INVALID_REQUEST'), GENERATED)
      assert.match((await endedJob(queue, id)).failedReason, /upsertJobScheduler/)
    })
  }

  test('of a Python program may have a whole number for its job id', async () => {
    await addRaw('7', { data: JSON.stringify(request()) })
    const { request: id } = (await endedJob(queue, '7')).returnvalue
    assert.match(id, GENERATED)
    assert.equal((await receiptOf(world, id)).status, 'completed')
  })
})

describe('a job is refused, with a receipt under a generated id,', () => {
  const cases: Record<string, unknown> = {
    'whose id is null': request({ id: null }),
    'whose id is empty': request({ id: '' }),
    'whose id is a number': request({ id: 17 }),
    'whose id has a blank': request({ id: 'case 17' }),
    'whose id has other characters': request({ id: 'fälle/17' }),
    'whose id has 129 characters': request({ id: 'x'.repeat(129) }),
    'whose data is null': null,
    'whose data is a list': [request()],
    'whose data is text': JSON.stringify(request()),
    'whose data is a number': 17,
    'whose data is of another version': request({ v: 2 }),
    'whose data has 50,000 unknown fields': Object.fromEntries(
      Array.from({ length: 50_000 }, (_, n) => [`field${n}`, n]),
    ),
    'whose data refers to itself': request({ source: { $ref: '#' } }),
    'whose data looks like that of a job that has entered': { request: '42' },
  }
  for (const [title, data] of Object.entries(cases)) {
    test(title, async () => {
      const { id } = await enqueue(data, { attempts: 5 })
      assert.match(await assertRefused(id, 'INVALID_REQUEST'), GENERATED)
    })
  }

  for (const [title, jobId] of [
    ['has a blank', 'r-case 17'],
    ['has 129 characters', `r-${'x'.repeat(129)}`],
    ['has colons', 'a:b:c'],
  ] as const) {
    test(`whose job id ${title}`, async () => {
      const { id } = await enqueue(request(), { jobId })
      assert.match(await assertRefused(id, 'INVALID_REQUEST'), GENERATED)
    })
  }

  test('whose data is no JSON', async () => {
    await addRaw('6', { data: '{"maxFailureRatio":NaN}' })
    assert.match(await assertRefused('6', 'INVALID_REQUEST'), GENERATED)
  })

  test('whose data is larger than any request', async () => {
    const largest = JSON.stringify(request({ dryRun: true })).padEnd(REQUEST_BYTES)
    await addRaw('r-largest', { data: largest })
    await addRaw('11', { data: `${largest} ` })
    assert.equal((await endedJob(queue, 'r-largest')).returnvalue.request, 'largest')
    const id = await assertRefused('11', 'INVALID_REQUEST')
    assert.match((await receiptOf(world, id)).error?.message ?? '', /524289 bytes/)
  })

  test('whose data is nested without end, or has a field that JavaScript reserves', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
    await addRaw('8', { data: `{"object":"Contact","source":${deep}}` })
    await addRaw('9', { data: '{"object":"Contact","__proto__":{"dryRun":true},"source":{}}' })
    for (const id of ['8', '9']) {
      assert.match(await assertRefused(id, 'INVALID_REQUEST'), GENERATED)
    }
  })

  test('of which Redis has nothing but the id', async () => {
    await client.multi().lpush(queue.toKey('wait'), '10').zadd(queue.toKey('marker'), 0, '0').exec()
    assert.match(await assertRefused('10', 'UNKNOWN_JOB'), GENERATED)
  })

  test('but no entry by which BullMQ 3 wakes its workers', async () => {
    await client.multi().lpush(queue.toKey('wait'), '0').zadd(queue.toKey('marker'), 0, '0').exec()
    const { returnvalue } = await endedJob(queue, '0')
    assert.equal(returnvalue, null)
  })

  test('whose id belongs to another request; the log names both', async () => {
    await deleteIds(world, ids18(2, 9100), { id: 'crm-1' })
    const before = rowsReceived()
    const { id } = await enqueue(request({ id: 'crm-1', reason: 'Art. 17' }))
    const name = await assertRefused(id, 'ID_TAKEN')
    assert.match(name, GENERATED)
    assert.match((await endedJob(queue, id)).failedReason, /^ID_TAKEN: Request crm-1 exists/)
    assert.equal((await receiptOf(world, name)).reason, 'Art. 17')
    assert.equal(rowsReceived(), before)
  })
})

describe('a job that is misaddressed is refused, under its own id where that is free:', () => {
  test('under an unknown name', async () => {
    const { id } = await queue.add('deletionRequest', request({ id: 'named' }))
    assert.equal(await assertRefused(id, 'UNKNOWN_JOB'), 'named')
    const { failedReason } = await endedJob(queue, id)
    assert.match(failedReason, /"deletion-request" in the queue "requests", got "deletionRequest"/)
  })

  test('under the name of an order of ours', async () => {
    const { id } = await queue.add('plan', { id: 'not-planned' })
    assert.equal(await assertRefused(id, 'UNKNOWN_JOB'), 'not-planned')
  })

  for (const name of ['ingest-jobs', 'ingest-jobs-urgent', 'callbacks'] as const) {
    test(`in the queue ${name}`, async () => {
      const { id } = await (await store.queues())[name].add('deletion-request', request())
      assert.match(await assertRefused(id, 'UNKNOWN_JOB', (await store.queues())[name]), GENERATED)
    })
  }
})

test('a job that was refused and is run again is refused again, under the same id', async () => {
  const job = await enqueue(request({ id: null }))
  const name = await assertRefused(job.id, 'INVALID_REQUEST')
  await (await endedJob(queue, job.id)).retry('failed')
  const again = await endedJob(queue, job.id)
  assert.deepEqual(again.returnvalue, { request: name, status: 'refused' })
  assert.ok(again.failedReason.includes(name))
})

describe('whoever waits for the job', () => {
  test('hears which request it is', async () => {
    const job = await enqueue(request(), { removeOnComplete: true })
    const { request: id, status } = await job.waitUntilFinished(events)
    assert.match(id, GENERATED)
    assert.equal(status, 'queued')
  })

  test('hears why it is refused, and of which receipt', async () => {
    const job = await enqueue({ id: 'waited' }, { removeOnFail: true, attempts: 9 })
    await assert.rejects(job.waitUntilFinished(events), {
      message: /^INVALID_REQUEST: .*[a-z]\. The receipt is under request waited\.$/,
    })
    assert.equal((await receiptOf(world, 'waited')).status, 'refused')
  })
})

describe('in a flow', () => {
  const child = (data: unknown, opts: JobsOptions) => ({
    ...{ name: 'deletion-request', queueName: 'requests', data, opts },
  })

  test('a request begins once its children have been taken', async () => {
    const { job, children = [] } = await flows.add({
      ...child(request({ id: 'parent' }), {}),
      children: [child(request({ id: 'child' }), {})],
    })
    const parent = await endedJob(queue, job.id)
    assert.deepEqual(Object.values(await parent.getChildrenValues()), [
      { request: 'child', status: 'queued' },
    ])
    assert.deepEqual(parent.returnvalue, { request: 'parent', status: 'queued' })
    assert.equal((await receiptOf(world, 'parent')).status, 'completed')
    assert.equal(children.length, 1)
  })

  test('one that a refused child is to fail is refused, with a receipt', async () => {
    const { job } = await flows.add({
      ...child(request({ id: 'failed-parent' }), {}),
      children: [child({}, { failParentOnFailure: true })],
    })
    assert.equal(await assertRefused(job.id, 'CHILD_FAILED'), 'failed-parent')
  })

  test('one that ignores its children is carried out', async () => {
    const { job } = await flows.add({
      ...child(request({ id: 'careless' }), {}),
      children: [child({}, { ignoreDependencyOnFailure: true })],
    })
    assert.equal((await endedJob(queue, job.id)).returnvalue.request, 'careless')
    assert.equal((await receiptOf(world, 'careless')).status, 'completed')
  })
})

describe('whatever a job is,', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 })
  const near = fc.record(
    {
      id: fc.oneof(text, fc.constant(null)),
      org: fc.oneof(fc.constant(world.org), text),
      object: fc.oneof(fc.constant('Contact'), text),
      source: fc.oneof(
        fc.record({ type: fc.constant('ids'), ids: fc.array(text) }),
        fc.jsonValue(),
      ),
      dryRun: fc.oneof(fc.boolean(), text),
      reason: fc.oneof(text, fc.constant(null)),
      maxRecords: fc.oneof(fc.integer(), fc.double(), fc.constant(null)),
    },
    { requiredKeys: [] },
  )
  const job = fc.record({
    id: fc.oneof(text, fc.constant('')),
    isNamed: fc.boolean(),
    name: fc.oneof({ weight: 4, arbitrary: fc.constant('deletion-request') }, text),
    data: fc
      .oneof(
        near.map((data) => JSON.stringify(data)),
        fc.json(),
        text,
      )
      .filter((data) => !isNewerJson(data)),
  })
  let added = 0

  test('it ends, and names a request of the ledger that tells of it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(job, { minLength: 1, maxLength: 20 }), async (jobs) => {
        const ids = jobs.map(({ id, isNamed }) => `${isNamed ? 'r-' : ''}${1000 + added++}${id}`)
        for (const [at, { name, data }] of jobs.entries())
          await addRaw(ids[at] ?? '', { name, data })
        for (const id of ids) {
          const { returnvalue, failedReason } = await endedJob(queue, id)
          const record = await store.ledger.load(returnvalue.request)
          assert.ok(record !== null, id)
          const { code = null } = record.receipt?.error ?? {}
          if (failedReason) assert.ok(failedReason.startsWith(`${code}: `), failedReason)
          assert.equal(returnvalue.status === 'refused', failedReason !== undefined)
        }
      }),
      { numRuns: runs(15), endOnFailure: true },
    )
  })
})

function isNewerJson(text: string): boolean {
  try {
    return isNewerOrder(JSON.parse(text))
  } catch {
    return false
  }
}
