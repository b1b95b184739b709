import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  assertUsable,
  connectRedis,
  inspectRedis,
  type RedisConfig,
  RedisUnusableError,
} from '../../../../src/shared/store/redis/redis.ts'
import { startRedis } from '../../../helpers/redis.ts'

const server = await startRedis({ after })

interface Scope {
  after(fn: () => void | Promise<void>): void
}

/** A connection, and the errors that it reported. */
function open(t: Scope, config: RedisConfig, patience: 'wait' | 'fail-fast' = 'wait') {
  const errors: Error[] = []
  const redis = connectRedis(config, patience, (error) => errors.push(error))
  t.after(() => redis.disconnect())
  return { redis, errors }
}

test('a real server tells what matters about it', async (t) => {
  const own = await startRedis(t, {
    appendOnly: true,
    args: ['--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru'],
  })
  const { redis } = open(t, { kind: 'url', url: own.url })
  const facts = await inspectRedis(redis)
  assert.match(facts.version, /^\d+\.\d+\.\d+$/)
  assert.equal(facts.supported, true)
  assert.deepEqual([facts.role, facts.primary], ['master', null])
  assert.equal(facts.evictionPolicy, 'allkeys-lru')
  assert.equal(facts.appendOnly, true)
  assert.equal(facts.maxMemory, 50 * 1024 * 1024)
  assert.ok(facts.usedMemory > 0 && facts.usedMemory < facts.maxMemory)
})

test('a server without limit or file says so', async (t) => {
  const own = await startRedis(t, { args: ['--appendonly', 'no'] })
  const facts = await inspectRedis(open(t, { kind: 'url', url: own.url }).redis)
  assert.equal(facts.appendOnly, false)
  assert.equal(facts.maxMemory, 0)
  assert.equal(facts.evictionPolicy, 'noeviction')
})

test('the version decides: Redis from 6.2, Valkey from 8', async (t) => {
  const table = [
    ['redis_version:5.0.14', 'redis', '5.0.14', false],
    ['redis_version:6.0.16', 'redis', '6.0.16', false],
    ['redis_version:6.2.0', 'redis', '6.2.0', true],
    ['redis_version:7.0.15', 'redis', '7.0.15', true],
    ['redis_version:10.0.1', 'redis', '10.0.1', true],
    ['redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:7.2.8', 'valkey', '7.2.8', false],
    ['redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1', 'valkey', '8.0.1', true],
    ['no_version:1', 'redis', '0', false],
  ] as const
  for (const [info, product, version, supported] of table) {
    const { redis } = open(t, { kind: 'url', url: await serverThatSays(t, info) })
    const facts = await inspectRedis(redis)
    assert.deepEqual([facts.product, facts.version, facts.supported], [product, version, supported])
    if (supported) await assertUsable(redis, { volatile: true })
    else await assert.rejects(assertUsable(redis), tooOld(product, version))
  }
})

test('who cannot wait is told at once that nobody is there', { timeout: 20_000 }, async (t) => {
  const port = await refusedPort()
  const { redis, errors } = open(t, { kind: 'url', url: `redis://127.0.0.1:${port}` }, 'fail-fast')
  await assert.rejects(redis.ping(), /max retries/)
  await assert.rejects(assertUsable(redis), /max retries/)
  assert.match(String(errors[0]), /ECONNREFUSED/)
})

test('who cannot wait is told in an outage, and is served again after it', async (t) => {
  const own = await startRedis(t, { appendOnly: true })
  const { redis } = open(t, { kind: 'url', url: own.url }, 'fail-fast')
  await redis.set('key', 'value')
  await own.kill()
  await assert.rejects(redis.get('key'))
  await own.restart()
  if (redis.status !== 'ready') await new Promise((resolve) => redis.once('ready', resolve))
  assert.equal(await redis.get('key'), 'value')
})

test('who waits is answered after the outage as if there had been none', async (t) => {
  const own = await startRedis(t, { appendOnly: true })
  const { redis, errors } = open(t, { kind: 'url', url: own.url })
  await redis.set('key', 'value')
  await own.kill()
  const answer = redis.get('key')
  while (errors.length === 0) await new Promise(setImmediate)
  await own.restart()
  assert.equal(await answer, 'value')
})

test('a Unix socket serves as an address does', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-socket-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'redis.sock')
  await startRedis(t, { args: ['--unixsocket', path, '--unixsocketperm', '600'] })
  const { redis } = open(t, { kind: 'socket', path })
  assert.equal((await assertUsable(redis)).role, 'master')
})

test('a socket that is not there fails fast, too', { timeout: 20_000 }, async (t) => {
  const { redis, errors } = open(t, { kind: 'socket', path: '/nowhere/redis.sock' }, 'fail-fast')
  await assert.rejects(redis.ping(), /max retries/)
  assert.match(String(errors[0]), /ENOENT/)
})

test('database and password of an address are used', async (t) => {
  const own = await startRedis(t, { args: [] })
  const { redis: admin } = open(t, { kind: 'url', url: own.url })
  await admin.config('SET', 'requirepass', 'secret')
  const url = own.url.replace('redis://', 'redis://:secret@')
  const { redis } = open(t, { kind: 'url', url: `${url}/3` })
  await redis.set('key', 'in 3')
  const { redis: zero } = open(t, { kind: 'url', url })
  assert.equal(await zero.get('key'), null)
  const { redis: stranger, errors } = open(t, { kind: 'url', url: own.url }, 'fail-fast')
  await assert.rejects(stranger.ping(), /NOAUTH/)
  for (const error of errors) assert.ok(!error.message.includes('secret'))
})

test('several connections share one server', async (t) => {
  const { redis: one } = open(t, { kind: 'url', url: server.url })
  const { redis: two } = open(t, { kind: 'url', url: server.url }, 'fail-fast')
  const key = `expunge-test:${process.pid}`
  await one.set(key, 'x', 'EX', 60)
  assert.equal(await two.getdel(key), 'x')
})

function tooOld(product: string, version: string) {
  return (error: unknown) => {
    assert.ok(error instanceof RedisUnusableError)
    assert.equal(error.code, 'REDIS_UNUSABLE')
    assert.match(error.message, /expected Redis 6\.2 or newer, or Valkey 8 or newer/)
    assert.ok(error.message.includes(`${product} ${version}`), error.message)
    return true
  }
}

/** Speaks just enough of the protocol to tell its version: old servers are not to be had. */
async function serverThatSays(t: Scope, info: string): Promise<string> {
  const text = `# Server\r\n${info}\r\nloading:0\r\n`
  const fake = createServer((socket) => {
    t.after(() => void socket.destroy())
    socket.on('data', (commands) => {
      for (const [, name] of String(commands).matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
        const isInfo = name?.toLowerCase() === 'info'
        socket.write(
          isInfo ? `$${text.length}\r\n${text}\r\n` : `-ERR unknown command '${name}'\r\n`,
        )
      }
    })
  })
  t.after(() => void fake.close())
  return `redis://127.0.0.1:${await listen(fake)}`
}

async function refusedPort(): Promise<number> {
  const probe = createServer()
  const port = await listen(probe)
  await new Promise((resolve) => probe.close(resolve))
  return port
}

async function listen(tcp: Server): Promise<number> {
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
  const address = tcp.address()
  return typeof address === 'object' && address !== null ? address.port : assert.fail()
}
