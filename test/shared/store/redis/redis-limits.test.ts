import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Queue, Worker } from 'bullmq'
import { createProducer, RedisUnavailableError } from '../../../../src/producer/producer.ts'
import {
  assertUsable,
  connectRedis,
  lateTrouble,
  type RedisConfig,
  RedisUnusableError,
} from '../../../../src/shared/store/redis/redis.ts'
import { freePort } from '../../../helpers/free-port.ts'
import { ids18 } from '../../../helpers/ids.ts'
import { startRedis, type TestRedis } from '../../../helpers/redis.ts'
import { REFUSALS } from '../../../helpers/refusals.ts'

interface Scope {
  after(fn: () => void | Promise<void>): void
}

/** A connection, and what it reported. */
function open(t: Scope, { url }: { url: string }, patience: 'wait' | 'fail-fast' = 'wait') {
  return connect(t, { kind: 'url', url }, patience)
}

function connect(t: Scope, config: RedisConfig, patience: 'wait' | 'fail-fast') {
  const errors: Error[] = []
  const redis = connectRedis(config, patience, (error) => errors.push(error))
  t.after(() => redis.disconnect())
  return { redis, errors }
}

const codesOf = (errors: readonly Error[]) =>
  errors.map((error) => (error instanceof RedisUnavailableError ? error.code : error.message))

describe('a server that refuses writes', { concurrency: true }, () => {
  for (const [code, { begin, end }] of Object.entries(REFUSALS)) {
    test(`${code}: who waits is served once it takes them, and told once`, async (t) => {
      const own = await startRedis(t, {})
      const { redis: admin } = open(t, own)
      await admin.set('read', 'value')
      await begin(admin)
      const { redis, errors } = open(t, own)
      const written = [redis.set('key', 'value'), redis.eval(INCREMENT, 1, 'counter')]
      while (lateTrouble(redis) === null) await pause()
      assert.equal(lateTrouble(redis), code)
      assert.equal(await admin.get('read'), 'value')
      assert.equal(await admin.get('key'), null)
      await end(admin)
      assert.deepEqual(await Promise.all(written), ['OK', 1])
      assert.deepEqual(codesOf(errors), [code])
    })

    test(`${code}: who submits is told at once what to do, and nothing is accepted`, async (t) => {
      const own = await startRedis(t, {})
      const { redis: admin } = open(t, own)
      const producer = await createProducer({ redis: own.url })
      t.after(() => producer.close())
      const keys = async () => (await admin.keys('*expunge*')).filter((key) => !/:meta$/.test(key))
      const id = 'refused'
      const request = { id, object: 'Contact', source: { type: 'ids' as const, ids: ids18(3) } }
      await begin(admin)
      await assert.rejects(producer.submit(request), (error) => {
        assert.ok(error instanceof RedisUnavailableError, String(error))
        assert.equal(error.code, code)
        assert.equal(error.retryable, true)
        return true
      })
      assert.equal(await producer.inspect(id), null)
      assert.deepEqual(await keys(), [])
      await end(admin)
      assert.equal((await producer.submit(request)).created, true)
    })
  }

  test('a worker of BullMQ waits with it, and its jobs go on', async (t) => {
    const own = await startRedis(t, {})
    const { redis: admin } = open(t, own)
    const { redis, errors } = open(t, own)
    const queue = new Queue('q', { connection: redis, prefix: '{p}' })
    queue.on('error', () => {})
    t.after(() => queue.close())
    await queue.add('job', {}, { jobId: 'one' })
    await REFUSALS.REDIS_FULL.begin(admin)
    const { promise: done, resolve } = Promise.withResolvers<void>()
    const options = { connection: redis, prefix: '{p}' }
    const worker = new Worker('q', async () => resolve(), options)
    t.after(() => worker.close(true))
    const complaints: Error[] = []
    worker.on('error', (error) => complaints.push(error))
    while (errors.length === 0) await pause()
    await REFUSALS.REDIS_FULL.end(admin)
    await done
    assert.deepEqual(codesOf(errors), ['REDIS_FULL'])
    // By itself it asks again at once, thousands of times a second, and complains as often.
    assert.deepEqual(codesOf(complaints), ['REDIS_FULL'])
  })

  test('a cluster is waited for, too', async (t) => {
    const { server: own, admin } = await startNode(t)
    await admin.cluster('ADDSLOTSRANGE', 0, 16_383)
    // A node that has just started takes 2 s before it calls itself a cluster.
    while (!String(await admin.cluster('INFO')).includes('cluster_state:ok')) await pause()
    const nodes = [{ host: own.host, port: own.port }]
    const { redis, errors } = connect(t, { kind: 'cluster', nodes, tls: false }, 'wait')
    assert.equal(await redis.set('key', 'value'), 'OK')
    await REFUSALS.REDIS_FULL.begin(admin)
    const again = redis.set('key', 'again')
    while (errors.length === 0) await pause()
    await REFUSALS.REDIS_FULL.end(admin)
    assert.equal(await again, 'OK')
    assert.deepEqual(codesOf(errors), ['REDIS_FULL'])
  })

  test('so is one node of a cluster that is away while the others answer', async (t) => {
    const here = await startNode(t)
    const away = await startNode(t)
    await here.admin.cluster('ADDSLOTSRANGE', 0, 8191)
    await away.admin.cluster('ADDSLOTSRANGE', 8192, 16_383)
    await here.admin.call('CLUSTER', 'MEET', away.server.host, away.server.port, away.bus)
    for (const { admin } of [here, away]) {
      const isWhole = (info: string) => /cluster_state:ok.*known_nodes:2/s.test(info)
      while (!isWhole(String(await admin.cluster('INFO')))) await pause()
    }
    const { host, port } = here.server
    const { redis } = connect(t, { kind: 'cluster', nodes: [{ host, port }], tls: false }, 'wait')
    const key = 'foo'
    assert.ok(Number(await here.admin.cluster('KEYSLOT', key)) > 8191)
    assert.equal(await redis.set(key, 'value'), 'OK')
    await away.server.kill()
    const again = redis.set(key, 'again')
    // It looks for the node after each failure; by itself ioredis gives up after 16.
    const { promise: lookedOften, resolve } = Promise.withResolvers<void>()
    let looks = 0
    redis.on('refresh', () => {
      if (++looks === 20) resolve()
    })
    await Promise.race([again, lookedOften])
    await away.server.restart()
    assert.equal(await again, 'OK')
  })
})

async function startNode(t: Scope) {
  const bus = String(await freePort())
  const server = await startRedis(t, {
    args: [
      ...['--cluster-enabled', 'yes', '--cluster-port', bus],
      ...['--cluster-announce-ip', '127.0.0.1'],
    ],
  })
  return { server, bus, admin: open(t, server).redis }
}

describe('a server that cannot be trusted with requests', { concurrency: true }, () => {
  test('a replica is refused at the start, and its primary named', async (t) => {
    const own = await startRedis(t, {})
    const { redis } = open(t, own)
    await REFUSALS.REDIS_READ_ONLY.begin(redis)
    await assert.rejects(assertUsable(redis), unusable(/primary, got a replica of 127\.0\.0\.1:1,/))
    await assert.rejects(createProducer({ redis: own.url }), unusable(/REDIS_URL/))
  })

  test('one that evicts is refused where it has a limit, for ids would vanish', async (t) => {
    const own = await startRedis(t, { args: ['--maxmemory-policy', 'volatile-lru'] })
    const { redis } = open(t, own)
    assert.equal((await assertUsable(redis)).evictionPolicy, 'volatile-lru')
    await redis.config('SET', 'maxmemory', '50mb')
    await assert.rejects(assertUsable(redis), unusable(/noeviction, got volatile-lru/))
  })

  test('one that keeps nothing on disk is refused, unless that is said', async (t) => {
    const own = await startRedis(t, { args: ['--appendonly', 'no'] })
    const { redis } = open(t, own)
    await assert.rejects(
      assertUsable(redis),
      unusable(/append-only file, got none.*redis\.volatile/),
    )
    await assert.rejects(
      createProducer({ redis: own.url }),
      unusable(/volatile: true in the library/),
    )
    assert.equal((await assertUsable(redis, { volatile: true })).appendOnly, false)
    await (await createProducer({ redis: own.url, volatile: true })).close()
    const config = { kind: 'url', url: own.url, volatile: true } as const
    await (await createProducer({ redis: config })).close()
  })

  test('a wrong password is told at once to those who would wait, and is not repeated', async (t) => {
    const own = await startRedis(t, {})
    const { redis: admin } = open(t, own)
    await admin.config('SET', 'requirepass', 'right')
    for (const patience of ['wait', 'fail-fast'] as const) {
      const wrong = open(t, { url: own.url.replace('//', '//:wr0ng-secret@') }, patience)
      await assert.rejects(assertUsable(wrong.redis), unusable(/WRONGPASS/))
      const none = open(t, own, patience)
      await assert.rejects(assertUsable(none.redis), unusable(/NOAUTH/))
    }
    const user = { redis: own.url.replace('//', '//:wr0ng-secret@') }
    await assert.rejects(createProducer(user), unusable(/user and password/))
  })

  test('a password that changes under a worker is waited for', async (t) => {
    const own = await startRedis(t, {})
    const { redis: admin } = open(t, own)
    const { redis, errors } = open(t, own)
    await redis.set('key', 'value')
    await admin.config('SET', 'requirepass', 'new')
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    const read = redis.get('key')
    while (errors.length === 0) await pause()
    await admin.config('SET', 'requirepass', '')
    assert.equal(await read, 'value')
  })

  test('one that loads its data is waited for', async (t) => {
    const own = await startRedis(t, {
      appendOnly: true,
      args: ['--key-load-delay', '5000', '--aof-use-rdb-preamble', 'no'],
    })
    await fill(own, 400)
    const { redis } = open(t, own)
    await redis.ping()
    await own.kill()
    const restarted = own.restart()
    assert.equal(await redis.get('k399'), 'v')
    await restarted
  })
})

const pause = () => new Promise((resolve) => setTimeout(resolve, 5))

const INCREMENT = "return redis.call('INCR', KEYS[1])"

function unusable(message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof RedisUnusableError, String(error))
    assert.equal(error.code, 'REDIS_UNUSABLE')
    assert.match(error.message, message)
    assert.doesNotMatch(JSON.stringify([error, error.message, error.stack]), /wr0ng-secret/)
    return true
  }
}

async function fill({ url }: TestRedis, keys: number): Promise<void> {
  const redis = connectRedis({ kind: 'url', url }, 'wait', () => {})
  await Promise.all(Array.from({ length: keys }, (_, k) => redis.set(`k${k}`, 'v')))
  redis.disconnect()
}
