import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import {
  createProducer,
  NotWaitingError,
  RedisUnavailableError,
} from '../../../../src/producer/producer.ts'
import {
  connectRedis,
  inspectRedis,
  type RedisClient,
} from '../../../../src/shared/store/redis/redis.ts'
import { replicatedTo } from '../../../../src/shared/store/redis/replicated.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { startRelay } from '../../../helpers/relay.ts'

/** A primary with a replica, and calls that wait for the replica. */

const primary = await startRedis({ after }, { appendOnly: true })
const replica = await startRedis(
  { after },
  { args: ['--replicaof', '127.0.0.1', String(primary.port), '--repl-diskless-sync-delay', '0'] },
)
const REQUEST = { object: 'Contact', source: { type: 'ids', ids: [] } } as const
const NOT_REPLICATED = { code: 'REDIS_NOT_REPLICATED', message: /0 of 1 replicas within 1 s/ }

function open(t: TestContext, url: string): RedisClient {
  const redis = connectRedis({ kind: 'url', url }, 'fail-fast', () => {})
  t.after(() => redis.disconnect())
  return redis
}

async function followed(t: TestContext): Promise<void> {
  const redis = open(t, primary.url)
  while ((await redis.wait(1, 100)) < 1) await redis.set('sign', 1)
}

test('a call resolves once the replica has it, and many at once share the wait', async (t) => {
  await followed(t)
  const producer = await createProducer({ redis: primary.url, replicas: 1 })
  t.after(() => producer.close())
  const ids = Array.from({ length: 50 }, (_, at) => `r-${at}`)
  await Promise.all(ids.map((id) => producer.submit({ id, ...REQUEST })))
  const there = await open(t, replica.url).zcard('{expunge-default}:requests')
  assert.equal(there, 50)
  await producer.cancel('r-1')
})

test('without the replica nobody is told that it is kept, and repeating it is harmless', async (t) => {
  await followed(t)
  const producer = await createProducer({ redis: primary.url, replicas: 1 })
  t.after(() => producer.close())
  process.kill(replica.pid, 'SIGSTOP')
  t.after(() => void process.kill(replica.pid, 'SIGCONT'))
  const refused = (call: Promise<unknown>) => assert.rejects(call, NOT_REPLICATED)
  await Promise.all([
    refused(producer.submit({ id: 'frozen', ...REQUEST })),
    refused(producer.submit({ id: 'frozen-2', ...REQUEST })),
  ])
  await refused(producer.cancel('frozen-2'))
  // What is there already is no better known to be kept.
  await refused(producer.submit({ id: 'frozen', ...REQUEST }))
  // Nor is what a refusal rests on.
  await refused(producer.approve('frozen'))
  process.kill(replica.pid, 'SIGCONT')
  await followed(t)
  await assert.rejects(producer.approve('frozen'), NotWaitingError)
  const { created, request } = await producer.submit({ id: 'frozen', ...REQUEST })
  assert.deepEqual([created, request.id], [false, 'frozen'])
})

test('a connection that breaks after the write confirms nothing', async (t) => {
  await followed(t)
  await using relay = await startRelay(primary)
  const redis = open(t, `redis://127.0.0.1:${relay.port}`)
  const kept = replicatedTo(redis, 1, '')
  assert.equal(await kept(() => redis.set('before', 'x')), 'OK')
  const broken = kept(async () => {
    await redis.set('after', 'x')
    relay.turn('broken')
    relay.turn('fair')
    await new Promise((resolve) => redis.once('ready', resolve))
  })
  await assert.rejects(broken, { ...NOT_REPLICATED, message: /the connection was lost before/ })
  assert.equal(await kept(() => redis.set('again', 'x')), 'OK')
})

test('without replicas asked for, nothing is waited for', async (t) => {
  const redis = open(t, primary.url)
  const kept = replicatedTo(redis, 0, '')
  assert.equal(await kept(() => redis.set('x', 'y')), 'OK')
})

test('a server tells of its replicas, and whether it needs them', async (t) => {
  await followed(t)
  const redis = open(t, primary.url)
  const facts = await inspectRedis(redis)
  assert.deepEqual([facts.replicas, facts.needsReplicas], [1, false])
  await redis.config('SET', 'min-replicas-to-write', '1')
  assert.equal((await inspectRedis(redis)).needsReplicas, true)
  process.kill(replica.pid, 'SIGSTOP')
  t.after(() => void process.kill(replica.pid, 'SIGCONT'))
  await redis.config('SET', 'min-replicas-max-lag', '1')
  const producer = await createProducer({ redis: primary.url })
  t.after(() => producer.close())
  const refusal = async () => {
    for (;;) {
      try {
        await producer.submit(REQUEST)
      } catch (error) {
        return error
      }
    }
  }
  const error = await refusal()
  assert.ok(error instanceof RedisUnavailableError)
  assert.equal(error.code, 'REDIS_NOT_WRITING')
})
