import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { type Job, UnrecoverableError, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import type { Priority } from '../../../../src/shared/contract/request.ts'
import { orgKeys } from '../../../../src/shared/store/ledger/keys.ts'
import { FIRST_NUMBER } from '../../../../src/shared/store/ledger/turns.ts'
import {
  HAND_OVER_PRIORITY,
  laneOf,
  openQueues,
  parseIngestJob,
  parseRequestJob,
  QUEUES,
  type QueueName,
  workOrders,
} from '../../../../src/shared/store/queues/queues.ts'
import { connectRedis } from '../../../../src/shared/store/redis/redis.ts'
import { fc } from '../../../helpers/fast-check.ts'
import { poll } from '../../../helpers/poll.ts'
import { startRedis } from '../../../helpers/redis.ts'

const server = await startRedis({ after })

const unknownOrders = {
  placeOrder: async (order: string, priority: Priority) => [
    { order, priority, number: FIRST_NUMBER[priority], due: null },
  ],
}

interface Scope {
  after(fn: () => Promise<void>): void
}

async function open(t: Scope) {
  const redis = connectRedis({ kind: 'url', url: server.url }, 'wait', () => {})
  const keys = orgKeys(randomUUID())
  const queues = await openQueues(redis, keys, (error) => assert.fail(error))
  const workers: Worker[] = []
  t.after(async () => {
    await Promise.all(workers.map((worker) => worker.close(true)))
    await queues.close()
    redis.disconnect()
  })
  /** Takes jobs one by one, as a worker without a processor does. */
  const taker = (queue: QueueName) => {
    const options = { connection: redis, prefix: keys.prefix, autorun: false }
    const worker = new Worker(queue, null, options)
    workers.push(worker)
    const next = async (token = 'token'): Promise<Job | undefined> =>
      worker.getNextJob(token, { block: false })
    return {
      next,
      /** The ids of all waiting jobs, in the order in which workers get them. */
      drain: async () => {
        const ids = []
        for (let job = await next(); job; job = await next()) {
          ids.push(job.id)
          await job.moveToCompleted(null, 'token', false)
        }
        return ids
      },
    }
  }
  return { redis, keys, queues, orders: workOrders(async () => queues, unknownOrders), taker }
}

test('an order names what to do, and no more', async (t) => {
  const { orders, taker } = await open(t)
  await orders.plan('Req-1', 'normal')
  await orders.settle('Req-1')
  await orders.ingest('Order-1', 'normal')
  const requests = taker('requests')
  const [settle, plan] = [await requests.next(), await requests.next()]
  const ingest = await taker('ingest-jobs').next()
  assert.deepEqual(
    [plan, settle, ingest].map((job) => [job?.id, job?.name, job?.data]),
    [
      ['p-req-1', 'plan', { v: 1, step: 'plan', id: 'Req-1' }],
      ['s-req-1', 'settle', { v: 1, step: 'settle', id: 'Req-1' }],
      ['Order-1', 'ingest', { v: 1, order: 'Order-1' }],
    ],
  )
  assert.deepEqual(parseRequestJob(plan?.data), { v: 1, step: 'plan', id: 'Req-1' })
  assert.deepEqual(parseRequestJob(settle?.data), { v: 1, step: 'settle', id: 'Req-1' })
  assert.deepEqual(parseIngestJob(ingest?.data), { v: 1, order: 'Order-1' })
})

test('ordering twice is ordering once, whatever the case of the id', async (t) => {
  const { orders, queues } = await open(t)
  const twice = [0, 1].flatMap(() => [
    orders.plan('Req-1', 'normal'),
    orders.plan('REQ-1', 'low'),
    orders.settle('Req-1'),
    orders.settle('req-1'),
    orders.ingest('Order-1', 'normal'),
    orders.ingest('Order-2', 'high'),
  ])
  await Promise.all(twice)
  const counts = await Promise.all(QUEUES.map((name) => queues[name].count()))
  assert.deepEqual(counts, [2, 1, 1, 0])
})

test('what has ended leaves nothing and can be ordered again', async (t) => {
  const { orders, queues, taker, redis, keys } = await open(t)
  const requests = taker('requests')
  for (let round = 0; round < 2; round++) {
    await orders.plan('Req-1', 'normal')
    assert.deepEqual(await requests.drain(), ['p-req-1'])
    assert.equal(await redis.exists(`${keys.prefix}:requests:p-req-1`), 0)
  }
  await orders.plan('Req-1', 'normal')
  const job = await requests.next()
  await job?.moveToFailed(new UnrecoverableError('beyond help'), 'token', false)
  assert.equal(await queues.requests.getJob('p-req-1'), undefined)
  assert.equal(await queues.requests.getFailedCount(), 0)
})

test('plans and settlements go by priority, and by age within it', async (t) => {
  const { orders, taker } = await open(t)
  await orders.plan('low', 'low')
  await orders.plan('normal-1', 'normal')
  await orders.plan('normal-2', 'normal')
  await orders.settle('done')
  await orders.plan('high', 'high')
  const expected = ['s-done', 'p-high', 'p-normal-1', 'p-normal-2', 'p-low']
  assert.deepEqual(await taker('requests').drain(), expected)
})

test('urgent ingest jobs have a lane of their own', async (t) => {
  const { orders, taker } = await open(t)
  await orders.ingest('o-low', 'low')
  await orders.ingest('o-normal', 'normal')
  await orders.ingest('o-high', 'high')
  assert.deepEqual(await taker('ingest-jobs').drain(), ['o-normal', 'o-low'])
  assert.deepEqual(await taker('ingest-jobs-urgent').drain(), ['o-high'])
  assert.deepEqual((['high', 'normal', 'low'] as const).map(laneOf), [
    'ingest-jobs-urgent',
    'ingest-jobs',
    'ingest-jobs',
  ])
})

test('a job that is handed over goes before everything that waits', async (t) => {
  const { orders, taker } = await open(t)
  const { next, drain } = taker('ingest-jobs')
  await orders.ingest('o-1', 'low')
  const job = await next('first')
  await orders.ingest('o-2', 'normal')
  await job?.changePriority({ priority: HAND_OVER_PRIORITY })
  await job?.moveToWait('first')
  assert.deepEqual(await drain(), ['o-1', 'o-2'])
})

test('the lock that the ledger compares is the one that BullMQ keeps', async (t) => {
  const { redis, keys, orders, taker } = await open(t)
  await orders.plan('Req-1', 'normal')
  await orders.ingest('Order-1', 'normal')
  for (const queue of ['requests', 'ingest-jobs'] as const) {
    const job = await taker(queue).next('token-of-mine')
    const lock = keys.lock({ queue, jobId: job?.id ?? '' })
    assert.equal(await redis.get(lock), 'token-of-mine')
    await job?.moveToCompleted(null, 'token-of-mine', false)
    assert.equal(await redis.exists(lock), 0)
  }
})

test('BullMQ’s keys and ours stay out of each other’s way', async (t) => {
  const { redis, keys, orders } = await open(t)
  const id = 'x'
  await orders.plan(id, 'normal')
  await orders.settle(id)
  await orders.ingest(id, 'normal')
  const theirs = await redis.keys(`${keys.prefix}:*`)
  assert.ok(theirs.length > 3)
  const { staged, requests, live, identity, settings, sweeper } = keys
  const fixed = [staged, requests, live, identity, settings, sweeper]
  const named = [keys.request, keys.open, keys.ledger, keys.cancel, keys.ingest].map((key) =>
    key(id),
  )
  const ours = new Set([...fixed, ...named, keys.frames(id, id, 0)])
  assert.equal(ours.size, fixed.length + named.length + 1)
  assert.ok(ours.isDisjointFrom(new Set(theirs)))
  for (const key of [...ours, ...theirs]) assert.ok(key.startsWith(`${keys.prefix}:`), key)
})

test('the data of the longest order is far under 4 KB', async (t) => {
  const { orders, taker } = await open(t)
  const id = 'x'.repeat(128)
  await orders.plan(id, 'normal')
  await orders.ingest(`${id}.${randomUUID()}.100000`, 'normal')
  for (const queue of ['requests', 'ingest-jobs'] as const) {
    const job = await taker(queue).next()
    assert.ok(Buffer.byteLength(JSON.stringify(job?.data)) < 400)
  }
})

test('data of another version or step, or of nobody, is null', () => {
  const [v, id, order] = [1, 'r', 'o']
  const others = [
    ...[undefined, null, 'plan', 7, [], {}, { v }, { v, step: 'plan' }, { step: 'plan', id }],
    ...[
      { v: v + 1, step: 'plan', id },
      { v: '1', step: 'plan', id },
      { v, step: 'purge', id },
    ],
    { v, step: 'plan', id: 7 },
  ]
  for (const data of others) assert.equal(parseRequestJob(data), null, JSON.stringify(data))
  for (const data of [...others, { v: v + 1, order }, { v, order: null }]) {
    assert.equal(parseIngestJob(data), null, JSON.stringify(data))
  }
  // A newer worker of the same version may say more.
  assert.deepEqual(parseIngestJob({ v, order, hint: 1 }), { v, order })
  fc.assert(
    fc.property(fc.anything(), (data) => {
      assert.equal(parseRequestJob(data), null)
      assert.equal(parseIngestJob(data), null)
    }),
  )
})

test('closing the queues leaves the connection to whoever opened it', async (t) => {
  const redis = connectRedis({ kind: 'url', url: server.url }, 'wait', () => {})
  t.after(() => redis.disconnect())
  const queues = await openQueues(redis, orgKeys(randomUUID()), (error) => assert.fail(error))
  await workOrders(async () => queues, unknownOrders).settle('r')
  await queues.close()
  assert.equal(await redis.ping(), 'PONG')
})

test('a plan that ends while its priority changes does no harm', async (t) => {
  const { queues } = await open(t)
  const { requests } = queues
  const endsAtOnce = {
    ...queues,
    requests: Object.assign(Object.create(requests), {
      getJob: async (id: string) => {
        const job = await requests.getJob(id)
        await job?.remove()
        return job
      },
    }),
  }
  const orders = workOrders(async () => endsAtOnce, unknownOrders)
  await orders.plan('r1', 'low')
  await orders.movePlan('r1', 'high')
  assert.equal(await requests.getJobCountByTypes('prioritized', 'waiting'), 0)
})

test('queues that are opened while the server refuses commands work once it takes them', async (t) => {
  const own = await startRedis(t, { args: ['--lua-time-limit', '1'] })
  const place = { kind: 'url', url: own.url } as const
  const [redis, other] = [connectRedis(place, 'fail-fast', () => {}), new Redis(own.url)]
  t.after(async () => {
    redis.disconnect()
    other.disconnect()
  })
  await redis.ping()
  const endless = assert.rejects(other.eval('while true do end', 0), /killed by user/)
  // The script was sent first; from a millisecond later on, the server refuses other commands.
  await poll(async () => (await redis.ping().catch(() => null)) === null || null)
  const queues = await openQueues(redis, orgKeys(randomUUID()), () => {})
  t.after(() => queues.close())
  const orders = workOrders(async () => queues, unknownOrders)
  await assert.rejects(orders.plan('r1', 'normal'), /^ReplyError: BUSY /)
  await redis.call('SCRIPT', 'KILL')
  await endless
  await orders.plan('r1', 'normal')
  assert.equal(await queues.requests.count(), 1)
})
