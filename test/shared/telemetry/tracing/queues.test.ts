import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { type Processor, Queue, Worker } from 'bullmq'
import { addFacts } from '../../../../src/shared/base/trace.ts'
import { queueTelemetry } from '../../../../src/shared/store/queues/queues.ts'
import { connectRedis } from '../../../../src/shared/store/redis/redis.ts'
import { id18 } from '../../../helpers/ids.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { traced, within } from '../../../helpers/traced.ts'

const redis = await startRedis({ after })

let queues = 0

function openQueue(t: TestContext) {
  const connection = connectRedis({ kind: 'url', url: redis.url }, 'wait', () => {})
  const prefix = `{tracing-${process.pid}-${++queues}}`
  const options = { connection, prefix, ...queueTelemetry() }
  const queue = new Queue('requests', options)
  const workers: Worker[] = []
  t.after(async () => {
    await Promise.all([queue.close(), ...workers.map((worker) => worker.close())])
    connection.disconnect()
  })
  const work = (process: Processor, own: { stalledInterval?: number } = {}) => {
    const worker = new Worker('requests', process, { ...options, ...own })
    workers.push(worker)
    return worker
  }
  return { queue, work }
}

/** Resolves once so many jobs have ended so. */
const ended = (worker: Worker, event: 'completed' | 'failed', count = 1) =>
  new Promise<void>((resolve) => {
    let seen = 0
    worker.on(event, () => {
      if (++seen === count) resolve()
    })
  })

test('what is added within a trace goes on in it, what is added outside begins none', async (t) => {
  const { collector, stop } = await traced(t)
  const { queue, work } = openQueue(t)
  const outside = await queue.add('plan', {})
  await within('caller', () => queue.add('settle', {}))
  assert.equal(outside.opts.telemetry, undefined)
  const worker = work(async () => {})
  await ended(worker, 'completed', 2)
  await worker.close()
  await stop()
  const { spans } = collector
  const [caller, add, settle, plan] = [
    'caller',
    'add requests.settle',
    'process requests.settle',
    'process requests.plan',
  ].map((name) => spans.find((span) => span.name === name))
  assert.equal(spans.length, 4, spans.map(({ name }) => name).join())
  assert.deepEqual([add?.parentId, settle?.parentId], [caller?.spanId, add?.spanId])
  assert.equal(plan?.parentId, '')
  assert.notEqual(plan?.traceId, caller?.traceId)
})

test('an idle worker leaves no span', async (t) => {
  const { collector, stop } = await traced(t)
  const { work } = openQueue(t)
  const worker = work(async () => {}, { stalledInterval: 20 })
  await new Promise<void>((resolve) => void worker.once('drained', resolve))
  await worker.pause()
  await worker.resume()
  await worker.close()
  await stop()
  assert.deepEqual(collector.spans, [])
})

test('a context that others put into a job keeps none from being processed', async (t) => {
  const { stop } = await traced(t)
  const { queue, work } = openQueue(t)
  for (const metadata of ['no JSON', 'null', '{"traceparent":7}', '[]']) {
    await queue.add('plan', {}, { telemetry: { metadata, omitContext: true } })
  }
  let processed = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  work(async () => {
    if (++processed === 4) resolve()
  })
  await promise
  await stop()
})

test('of a job that fails the span says so, and repeats nothing of what it says', async (t) => {
  const { collector, stop } = await traced(t)
  const { queue, work } = openQueue(t)
  const id = id18(7)
  await queue.add(`deletion of ${id}`, {}, { jobId: `r-${id}` })
  const worker = work(async () => {
    addFacts({ org: 'default', object: id, error: 'ENOSPC' })
    throw new Error(`The record ${id} is in the way.`)
  })
  await ended(worker, 'failed')
  await worker.close()
  await stop()
  const [span] = collector.spans
  assert.equal(collector.spans.length, 1)
  assert.equal(span?.name, 'process requests')
  assert.deepEqual([span?.isError, span?.events], [true, 0])
  assert.equal(span?.attributes['error.type'], 'ENOSPC')
  assert.equal(span?.attributes['expunge.object'], 'other')
  assert.ok(!Buffer.concat(collector.bodies).includes(id))
})
