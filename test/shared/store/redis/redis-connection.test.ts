import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { Cluster, Redis } from 'ioredis'
import { createProducer } from '../../../../src/producer/producer.ts'
import {
  assertUsable,
  connectRedis,
  type RedisClient,
  RedisUnavailableError,
  RedisUnusableError,
} from '../../../../src/shared/store/redis/redis.ts'
import { isLasting } from '../../../../src/shared/store/redis/trouble.ts'
import { startRedis } from '../../../helpers/redis.ts'

const server = await startRedis({ after }, {})
const admin = connectRedis({ kind: 'url', url: server.url }, 'wait', () => {})
after(() => admin.disconnect())

interface Scope {
  after(fn: () => void | Promise<void>): void
}

function open(t: Scope, url: string, patience: 'wait' | 'fail-fast') {
  const errors: Error[] = []
  const redis = connectRedis({ kind: 'url', url }, patience, (error) => errors.push(error))
  t.after(() => redis.disconnect())
  assert.ok(redis instanceof Redis)
  return { redis, errors }
}

const at = (database: number, login = '') =>
  `${server.url.replace('redis://', `redis://${login}`)}/${database}`

/** What a connection reports next. */
const reported = (redis: RedisClient) =>
  new Promise<Error>((resolve) => {
    redis.once('error', resolve)
  })

describe('a step of the connection that the server refuses', () => {
  for (const patience of ['wait', 'fail-fast'] as const) {
    test(`SELECT: who is to ${patience} never comes to database 0`, async (t) => {
      const { redis, errors } = open(t, at(16), patience)
      const written = redis.set(`in-16-${patience}`, 'x')
      written.catch(() => {})
      await assert.rejects(assertUsable(redis, { volatile: true }), (error) => {
        assert.ok(error instanceof RedisUnusableError, String(error))
        assert.match(error.message, /SELECT: ERR DB index is out of range.*REDIS_URL/)
        return true
      })
      assert.equal(await admin.exists(`in-16-${patience}`), 0)
      assert.ok(
        errors.every((error) => codeOf(error) === 'REDIS_DATABASE'),
        String(errors),
      )
    })
  }

  test('SELECT at a later connect: what waits is not written to database 0', async (t) => {
    await admin.call('ACL', 'SETUSER', 'mover', 'on', '>secret', '~*', '&*', '+@all')
    const { redis, errors } = open(t, at(3, 'mover:secret@'), 'wait')
    await redis.set('before', 'x')
    await admin.call('ACL', 'SETUSER', 'mover', '-select')
    const refused = reported(redis)
    await admin.client('KILL', 'USER', 'mover')
    const written = redis.set('after', 'x')
    assert.equal(codeOf(await refused), 'REDIS_FORBIDDEN')
    assert.equal(await admin.exists('after'), 0)
    await admin.call('ACL', 'SETUSER', 'mover', '+select')
    assert.equal(await written, 'OK')
    assert.equal(await redis.exists('after'), 1)
    assert.equal(await admin.exists('after'), 0)
    assert.ok(errors.length > 0)
  })

  test('CLIENT SETNAME, which BullMQ counts workers by', async (t) => {
    await admin.call('ACL', 'SETUSER', 'nameless', 'on', '>secret', '~*', '&*', '+@all')
    await admin.call('ACL', 'SETUSER', 'nameless', '-client|setname')
    const { redis } = open(t, at(0, 'nameless:secret@'), 'wait')
    assert.equal(await redis.ping(), 'PONG')
    const blocking = redis.duplicate({ connectionName: 'worker' })
    t.after(() => blocking.disconnect())
    const error = await reported(blocking)
    assert.equal(codeOf(error), 'REDIS_FORBIDDEN')
    assert.match(error.message, /CLIENT SETNAME: NOPERM/)
  })

  test('AUTH and a command that a start needs', async (t) => {
    await admin.config('SET', 'requirepass', 'secret')
    t.after(() => admin.config('SET', 'requirepass', ''))
    await admin.call('ACL', 'SETUSER', 'uninformed', 'on', '>secret', '~*', '&*', '+@all', '-info')
    for (const [url, message] of [
      [at(0, 'nobody:wrong@'), /WRONGPASS/],
      // The database's number is sent along: that it is refused, too, is not the reason.
      [at(3, 'nobody:wrong@'), /\(WRONGPASS/],
      [at(0, 'uninformed:secret@'), /NOPERM.*info.*docs\/deployment\.md/i],
    ] as const) {
      const { redis } = open(t, url, 'wait')
      await assert.rejects(assertUsable(redis), (error) => {
        assert.ok(error instanceof RedisUnusableError, String(error))
        assert.match(error.message, message)
        return true
      })
    }
  })
})

test('a duplicate is of the same kind as its original', (t) => {
  const nodes = [{ host: '127.0.0.1', port: server.port }]
  for (const patience of ['wait', 'fail-fast'] as const) {
    const one = open(t, server.url, patience).redis
    const cluster = connectRedis({ kind: 'cluster', nodes, tls: false }, patience, () => {})
    assert.ok(cluster instanceof Cluster)
    t.after(() => cluster.disconnect())
    for (const [original, copy] of [
      [one, one.duplicate()],
      [cluster, cluster.duplicate()],
    ] as const) {
      copy.on('error', () => {})
      t.after(() => copy.disconnect())
      assert.equal(copy.constructor, original.constructor)
    }
  }
})

test('a URL with options behind it is refused by their names, whoever connects', async () => {
  for (const [url, named] of [
    ['redis://host/0?keyPrefix=a:', '?keyPrefix='],
    ['redis://host?db=1&family=6&db=2', '?db= and ?family='],
    ['redis://:hunter2@host?password=hunter2', '?password='],
    ['redis://host/?', 'options ?'],
  ] as const) {
    const refused = (error: unknown) => {
      assert.ok(error instanceof RedisUnusableError, String(error))
      assert.ok(error.message.includes(named), error.message)
      assert.ok(!error.message.includes('hunter2'))
      return true
    }
    assert.throws(() => connectRedis({ kind: 'url', url }, 'wait', () => {}), refused)
    await assert.rejects(createProducer({ redis: url }), refused)
  }
})

test('what no waiting ends is told apart from an outage', () => {
  assert.deepEqual(
    (['REDIS_AWAY', 'REDIS_LOADING', 'REDIS_FULL', 'REDIS_BUSY'] as const).filter(isLasting),
    [],
  )
})

const codeOf = (error: Error) => (error instanceof RedisUnavailableError ? error.code : error.name)
