import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, describe, test } from 'node:test'
import { createProducer } from '../../src/producer/producer.ts'
import { whyAway } from '../../src/shared/redis/why-away.ts'
import { connectRedis, type RedisConfig, RedisUnavailableError } from '../../src/shared/redis.ts'
import { freePort } from '../helpers/free-port.ts'
import { startRedis } from '../helpers/redis.ts'

const server = await startRedis({ after }, {})
const dead = await freePort()

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
    const url = `redis://localhost:${dead}`
    const refused = unavailable('REDIS_AWAY', /localhost:\d+: connect ECONNREFUSED/)
    await assert.rejects(createProducer({ redis: url }), refused)
  })

  test('by a name that does not resolve', async () => {
    const unknown = unavailable(
      'REDIS_AWAY',
      /redis\.invalid:6379: getaddrinfo (ENOTFOUND|EAI_AGAIN)/,
    )
    await assert.rejects(createProducer({ redis: 'redis://redis.invalid' }), unknown)
    await assert.rejects(createProducer({ redis: clusterOf(at(6379, 'redis.invalid')) }), unknown)
  })

  test('by any node of a cluster', async () => {
    const refused = unavailable(
      'REDIS_AWAY',
      /127\.0\.0\.1:\d+: connect ECONNREFUSED.*; localhost:\d+: connect ECONNREFUSED/,
    )
    const redis = clusterOf(at(dead), at(dead, 'localhost'))
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
    const unknown = await whyAway(sentinelsOf(at(dead)))
    assert.match(unknown?.message ?? '', /127\.0\.0\.1:\d+: connect ECONNREFUSED/)
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
  const nodes = clusterOf(at(dead), at(await silent(t)), at(node.port))
  const { redis } = open(t, nodes, 'fail-fast')
  assert.equal(await redis.set('key', 'value'), 'OK')
  assert.equal(await whyAway(nodes), null)
  await node.kill()
  await assert.rejects(redis.get('key'))
  await node.restart()
})

test('a URL that names one node of several is refused, with how to name the cluster', async (t) => {
  const info = 'redis_version:7.0.15\r\nrole:master\r\naof_enabled:1\r\ncluster_enabled:1'
  const fake = createServer((socket) => {
    t.after(() => void socket.destroy())
    socket.on('data', (bytes) => {
      for (const [, name] of String(bytes).matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
        const text = name?.toLowerCase() === 'info' ? info : 'cluster_size:3'
        const isKnown = /^(?:info|cluster)$/i.test(name ?? '')
        socket.write(
          isKnown ? `$${text.length}\r\n${text}\r\n` : "-ERR unknown command 'HELLO'\r\n",
        )
      }
    })
  })
  await new Promise<void>((resolve) => fake.listen(0, '127.0.0.1', resolve))
  t.after(() => void fake.close())
  const address = fake.address()
  assert.ok(typeof address === 'object' && address !== null)
  await assert.rejects(
    createProducer({ redis: `redis://127.0.0.1:${address.port}` }),
    /a node of a cluster of 3\. Name its nodes as redis\.cluster/,
  )
})

test('a worker that waits for a cluster says why', async (t) => {
  const { errors } = open(t, clusterOf(at(dead)), 'wait')
  while (!errors.some((error) => /connect ECONNREFUSED/.test(error.message))) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
})

function open(t: Scope, config: RedisConfig, patience: 'wait' | 'fail-fast') {
  const errors: Error[] = []
  const redis = connectRedis(config, patience, (error) => errors.push(error))
  t.after(() => redis.disconnect())
  return { redis, errors }
}
