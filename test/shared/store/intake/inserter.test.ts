import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, type TestContext, test } from 'node:test'
import { type JobsOptions, Queue, Worker } from 'bullmq'
import type { JobInsert } from '../../../../src/shared/store/intake/accept.ts'
import { inserterOf } from '../../../../src/shared/store/intake/inserter.ts'
import { queueTelemetry } from '../../../../src/shared/store/queues/queues.ts'
import { connectRedis } from '../../../../src/shared/store/redis/redis.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { traced, within } from '../../../helpers/traced.ts'

const server = await startRedis({ after })

const DATA = { v: 1, step: 'plan', id: 'R1' }
const options = (fields: JobsOptions = {}): JobsOptions => ({
  ...{ jobId: 'p-r1', priority: 10, attempts: 6, removeOnComplete: true },
  ...{ backoff: { type: 'exponential', delay: 1000 }, timestamp: 1_000 },
  ...fields,
})
const job = (fields?: JobsOptions) => ({ name: 'plan', data: DATA, options: options(fields) })

async function open(t: TestContext) {
  const redis = connectRedis({ kind: 'url', url: server.url }, 'wait', () => {})
  const prefix = `{${randomUUID()}}`
  const settings = { connection: redis, prefix, ...queueTelemetry() }
  const queue = new Queue('requests', settings)
  t.after(async () => {
    await queue.close()
    redis.disconnect()
  })
  /** Runs an insert as a step of ours does, and says what BullMQ's script answered. */
  const run = async (insert: JobInsert | null) => {
    assert.ok(insert, 'the script of BullMQ is not at hand')
    const { lua, keys, args } = insert
    return redis.eval(lua, keys.length, ...keys, ...args)
  }
  /** What adding leaves in Redis, byte by byte; of events, which have a time in them, what they say. */
  const contents = async () => {
    const keys = (await redis.keys(`${prefix}:*`)).filter((key) => !/:(meta|events)$/.test(key))
    const held = keys.sort().map(async (key) => {
      return [key.slice(prefix.length), await redis.dumpBuffer(key)] as const
    })
    const events = await redis.xrange(`${prefix}:requests:events`, '-', '+')
    return { held: await Promise.all(held), events: events.map(([, fields]) => fields) }
  }
  return { queue, insertInto: inserterOf(queue, redis), run, contents, settings }
}

test('what a script of ours adds is what BullMQ adds, to the byte', async (t) => {
  for (const fields of [{}, { priority: 2 }, { priority: 0 }, { delay: 60_000 }]) {
    const [theirs, ours] = [await open(t), await open(t)]
    await Promise.all([theirs.queue.waitUntilReady(), ours.queue.waitUntilReady()])
    await theirs.queue.add('plan', DATA, options(fields))
    assert.equal(await ours.insertInto(job(fields), ours.run), 'p-r1')
    assert.deepEqual(await ours.contents(), await theirs.contents())
  }
})

test('a job that is there is not added again', async (t) => {
  const { queue, insertInto, run } = await open(t)
  await queue.waitUntilReady()
  await queue.add('plan', DATA, options())
  assert.equal(await insertInto(job(), run), 'p-r1')
  assert.equal(await queue.getPrioritizedCount(), 1)
})

test('an idle worker is woken, and gets the job as it was given', async (t) => {
  const { queue, insertInto, run, settings } = await open(t)
  await queue.waitUntilReady()
  const taken = Promise.withResolvers<unknown>()
  const drained = Promise.withResolvers<void>()
  const worker = new Worker('requests', async ({ id, data }) => taken.resolve({ id, data }), {
    ...settings,
  })
  t.after(() => worker.close())
  worker.once('drained', () => drained.resolve())
  await drained.promise
  await insertInto(job(), run)
  assert.deepEqual(await taken.promise, { id: 'p-r1', data: DATA })
})

test('nothing is sent by itself, however often it is asked', async (t) => {
  const { queue, insertInto, contents } = await open(t)
  await queue.waitUntilReady()
  const inserts = await Promise.all(
    [1, 2].map((n) => insertInto(job({ jobId: `p-${n}` }), async (insert) => insert)),
  )
  assert.equal(new Set(inserts.map((insert) => insert?.args[0]?.toString('hex'))).size, 2)
  assert.deepEqual(await contents(), { held: [], events: [] })
})

test('until BullMQ has met its server there is nothing to insert', async (t) => {
  const { queue, insertInto } = await open(t)
  const early = await insertInto(job(), async (insert) => insert)
  assert.equal(early, null)
  await queue.waitUntilReady()
  assert.notEqual(await insertInto(job(), async (insert) => insert), null)
})

test('what goes wrong in the step is the caller’s to hear', async (t) => {
  const { insertInto } = await open(t)
  const failing = insertInto(job(), () => Promise.reject(new Error('the step failed')))
  await assert.rejects(failing, /the step failed/)
})

test('a job that is inserted within a trace goes on in it', async (t) => {
  const { collector, stop } = await traced(t)
  const { queue, insertInto, run } = await open(t)
  await queue.waitUntilReady()
  await within('caller', () => insertInto(job(), run))
  const added = await queue.getJob('p-r1')
  await stop()
  const [caller, add] = ['caller', 'add requests.plan'].map((name) =>
    collector.spans.find((span) => span.name === name),
  )
  assert.equal(add?.parentId, caller?.spanId)
  assert.equal(add?.attributes['bullmq.job.name'], 'plan')
  const metadata: unknown = JSON.parse(added?.opts.telemetry?.metadata ?? '{}')
  assert.deepEqual(metadata, { traceparent: `00-${add?.traceId}-${add?.spanId}-01` })
})
