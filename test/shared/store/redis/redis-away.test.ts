import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, describe, test } from 'node:test'
import { createProducer } from '../../../../src/producer/producer.ts'
import type { ExpungeError } from '../../../../src/shared/base/errors.ts'
import { createLogger } from '../../../../src/shared/base/logger.ts'
import { outageTeller } from '../../../../src/shared/store/redis/outage-teller.ts'
import {
  connectRedis,
  type RedisConfig,
  RedisUnavailableError,
} from '../../../../src/shared/store/redis/redis.ts'
import { isLasting, troubleOf } from '../../../../src/shared/store/redis/trouble.ts'
import { whyAway } from '../../../../src/shared/store/redis/why-away.ts'
import { CLOSED_PORT, freePort } from '../../../helpers/free-port.ts'
import { startRedis } from '../../../helpers/redis.ts'

const server = await startRedis({ after }, {})

interface Scope {
  after(fn: () => void | Promise<void>): void
}

const at = (port: number, host = '127.0.0.1') => ({ host, port })
const clusterOf = (...nodes: { host: string; port: number }[]): RedisConfig => ({
  kind: 'cluster',
  nodes,
  tls: false,
})
const sentinelsOf = (...sentinels: { host: string; port: number }[]): RedisConfig => ({
  kind: 'sentinel',
  name: 'main',
  sentinels,
  tls: false,
})

/** Accepts connections and answers nothing, as a machine does that is stuck. */
async function silent(t: Scope): Promise<number> {
  const tcp = createServer((socket) => {
    socket.on('error', () => {})
    t.after(() => void socket.destroy())
  })
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
  t.after(() => void tcp.close())
  const address = tcp.address()
  return typeof address === 'object' && address !== null ? address.port : assert.fail()
}

const UNKNOWN = "-ERR unknown command 'HELLO'\r\n"
const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`

/** Answers each command by its name in lower case; with `once` a connection ends with its first answer. */
async function answering(t: Scope, answer: (name: string) => string, { once = false } = {}) {
  const fake = createServer((socket) => {
    t.after(() => void socket.destroy())
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      if (once) socket.end(answer(''))
      else {
        for (const [, name = ''] of String(bytes).matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
          socket.write(answer(name.toLowerCase()))
        }
      }
    })
  })
  await new Promise<void>((resolve) => fake.listen(0, '127.0.0.1', resolve))
  t.after(() => void fake.close())
  const address = fake.address()
  return typeof address === 'object' && address !== null ? address.port : assert.fail()
}

/** A node of a cluster that serves no slot. */
async function lonely(t: Scope) {
  const bus = String(await freePort())
  return startRedis(t, {
    args: [
      ...['--cluster-enabled', 'yes', '--cluster-port', bus],
      ...['--cluster-announce-ip', '127.0.0.1'],
    ],
  })
}

const unavailable = (code: string, detail: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RedisUnavailableError, String(error))
  assert.equal(error.code, code)
  assert.match(error.message, detail)
  return true
}

describe('who cannot wait is told why nobody answers', { concurrency: true }, () => {
  test('by a server, under each of its addresses', async () => {
    const url = `redis://localhost:${CLOSED_PORT}`
    const refused = unavailable(
      'REDIS_AWAY',
      /localhost:\d+: the connection was refused \(connect ECONNREFUSED/,
    )
    await assert.rejects(createProducer({ redis: url }), refused)
  })

  test('by a name that does not resolve', async () => {
    const unknown = unavailable(
      'REDIS_AWAY',
      /redis\.invalid:6379: .*getaddrinfo (ENOTFOUND|EAI_AGAIN)/,
    )
    await assert.rejects(createProducer({ redis: 'redis://redis.invalid' }), unknown)
    await assert.rejects(createProducer({ redis: clusterOf(at(6379, 'redis.invalid')) }), unknown)
  })

  test('by any node of a cluster', async () => {
    const refused = unavailable(
      'REDIS_AWAY',
      /127\.0\.0\.1:\d+: the connection was refused .*; localhost:\d+: the connection was refused/,
    )
    const redis = clusterOf(at(CLOSED_PORT), at(CLOSED_PORT, 'localhost'))
    await assert.rejects(createProducer({ redis }), refused)
  })

  test('by a server, a cluster or a Sentinel that accepts and never answers', async (t) => {
    const port = await silent(t)
    const stuck = new RegExp(`127\\.0\\.0\\.1:${port}: Command timed out`)
    const places = [
      { kind: 'url', url: `redis://127.0.0.1:${port}` },
      clusterOf(at(port)),
      sentinelsOf(at(port)),
    ] as const
    const reasons = await Promise.all(places.map((place) => whyAway(place)))
    for (const why of reasons) assert.match(why?.message ?? '', stuck)
    const redis = clusterOf(at(port))
    await assert.rejects(createProducer({ redis }), unavailable('REDIS_AWAY', stuck))
  })

  test('by a cluster that is down', async (t) => {
    const { port } = await lonely(t)
    const { redis } = open(t, clusterOf(at(port)), 'fail-fast')
    await assert.rejects(redis.get('key'), unavailable('REDIS_LOADING', /CLUSTERDOWN/))
  })

  test('by a Sentinel, or by what is none', async () => {
    const unknown = await whyAway(sentinelsOf(at(CLOSED_PORT)))
    assert.match(
      unknown?.message ?? '',
      /127\.0\.0\.1:\d+: the connection was refused \(connect ECONNREFUSED/,
    )
    // A plain server is no Sentinel.
    const plain = await whyAway(sentinelsOf(at(server.port)))
    assert.match(plain?.message ?? '', /unknown command/i)
  })

  test('by a server that speaks no TLS: no waiting ends that', async () => {
    const why = await whyAway({ kind: 'url', url: `rediss://127.0.0.1:${server.port}` })
    assert.equal(why?.code, 'REDIS_PROTOCOL')
    assert.match(why?.message ?? '', /127\.0\.0\.1:\d+ speaks no TLS.*rediss:\/\//)
  })
})

test('a cluster is used by those of its nodes that answer', async (t) => {
  const node = await lonely(t)
  const { redis: admin } = open(t, { kind: 'url', url: node.url }, 'wait')
  assert.ok('cluster' in admin)
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383)
  while (!String(await admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const nodes = clusterOf(at(CLOSED_PORT), at(await silent(t)), at(node.port))
  const { redis } = open(t, nodes, 'fail-fast')
  assert.equal(await redis.set('key', 'value'), 'OK')
  assert.equal(await whyAway(nodes), null)
  // As with one server, connections that were closed are made anew before a caller is turned away.
  const asked = redis.blpop('list', 0)
  while (!/blocked_clients:1/.test(String(await admin.call('INFO', 'clients')))) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await admin.call('RPUSH', 'list', 'x')
  assert.deepEqual(await asked, ['list', 'x'])
  await node.kill()
  await assert.rejects(redis.get('key'), (error) => troubleOf(error) === 'REDIS_AWAY')
  await node.restart()
})

test('a URL that names one node of several is refused, with how to name the cluster', async (t) => {
  const info = bulk('redis_version:7.0.15\r\nrole:master\r\naof_enabled:1\r\ncluster_enabled:1')
  const port = await answering(t, (name) =>
    name === 'info' ? info : name === 'cluster' ? bulk('cluster_size:3') : UNKNOWN,
  )
  await assert.rejects(
    createProducer({ redis: `redis://127.0.0.1:${port}` }),
    /a node of a cluster of 3\. Name its nodes as redis\.cluster/,
  )
})

test('a URL that names a Sentinel is refused, with how to name one', async (t) => {
  const info = bulk('redis_version:7.0.15\r\nredis_mode:sentinel\r\ncluster_enabled:0')
  const port = await answering(t, (name) => (name === 'info' ? info : UNKNOWN))
  await assert.rejects(
    createProducer({ redis: `redis://127.0.0.1:${port}`, volatile: true }),
    /got a Sentinel\. Name it as redis\.sentinel/,
  )
})

describe('a server that refuses every connection', () => {
  const cases = [
    [
      'by protected mode',
      '-DENIED Redis is in protected mode, no password is set.\r\n',
      'REDIS_LOGIN',
      /DENIED/,
    ],
    ['for it has too many', '-ERR max number of clients reached\r\n', 'REDIS_AWAY', /max number/],
    [
      'for it is a web server',
      'HTTP/1.1 400 Bad Request\r\n\r\n',
      'REDIS_PROTOCOL',
      /not as a Redis/,
    ],
  ] as const
  for (const [title, answer, code, reason] of cases) {
    test(`${title}: each way to it knows whether to wait, and why`, async (t) => {
      const warned = t.mock.method(console, 'warn', () => {})
      const port = await answering(t, () => answer, { once: true })
      for (const place of [
        { kind: 'url', url: `redis://127.0.0.1:${port}` },
        clusterOf(at(port)),
        sentinelsOf(at(port)),
      ] as const) {
        const why = await whyAway(place)
        assert.equal(why?.code, code, `${place.kind}: ${why?.message}`)
        assert.match(why?.message ?? '', reason)
      }
      const redis = `redis://127.0.0.1:${port}`
      await assert.rejects(createProducer({ redis }), (error: ExpungeError) => {
        assert.equal(error.code, isLasting(code) ? 'REDIS_UNUSABLE' : code)
        assert.match(error.message, reason)
        assert.doesNotMatch(error.message, /\.\)|\.\.|report/)
        return true
      })
      assert.equal(warned.mock.callCount(), 0)
    })
  }
})

test('a Sentinel that knows no such primary is no server that loads its data', async (t) => {
  const port = await answering(t, (name) => (name === 'sentinel' ? '*-1\r\n' : UNKNOWN))
  const why = await whyAway(sentinelsOf(at(port)))
  assert.equal(why?.code, 'REDIS_AWAY')
  assert.match(why?.message ?? '', /knows no primary of the name main/)
})

for (const place of [clusterOf(at(CLOSED_PORT)), sentinelsOf(at(CLOSED_PORT))]) {
  test(`a worker that waits for a ${place.kind} says why, once`, async (t) => {
    const told: string[] = []
    const log = createLogger({
      name: 'test',
      level: 'info',
      destination: { write: (line) => void told.push(line) },
    })
    const teller = outageTeller(log, { note: 'Work waits.', isExplained: true })
    let tries = 0
    const redis = connectRedis(place, 'wait', (error) => {
      tries += 1
      teller.onError(error)
    })
    t.after(() => redis.disconnect())
    while (told.length === 0 || tries < 4) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(told.length, 1, told.join('\n'))
    assert.match(told[0] ?? '', /REFUSED.*Work waits\./)
  })
}

function open(t: Scope, config: RedisConfig, patience: 'wait' | 'fail-fast') {
  const errors: Error[] = []
  const redis = connectRedis(config, patience, (error) => errors.push(error))
  t.after(() => redis.disconnect())
  return { redis, errors }
}
