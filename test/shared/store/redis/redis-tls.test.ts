import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createProducer } from '../../../../src/producer/producer.ts'
import { loadConfig } from '../../../../src/shared/config/config.ts'
import {
  assertUsable,
  connectRedis,
  type RedisConfig,
  RedisUnusableError,
} from '../../../../src/shared/store/redis/redis.ts'
import { selfSigned } from '../../../helpers/certificate.ts'
import { NOTHING_NEEDED, problemsOf } from '../../../helpers/config.ts'
import { freePort } from '../../../helpers/free-port.ts'
import { startRedis } from '../../../helpers/redis.ts'

const folder = await mkdtemp(join(tmpdir(), 'expunge-redis-tls-'))
after(() => rm(folder, { recursive: true, force: true }))
const file = (name: string) => join(folder, name)
const [here, stranger] = [selfSigned('localhost', 'redis.test'), selfSigned('localhost')]
await Promise.all([
  writeFile(file('cert.pem'), here.cert),
  writeFile(file('key.pem'), here.key),
  writeFile(file('other-key.pem'), stranger.key),
  writeFile(file('no.pem'), 'no PEM\n'),
])

/** A node of a cluster that owns every slot, speaks TLS beside plain text, and asks for certificates. */
const [port, bus] = [await freePort(), await freePort()]
const plain = await startRedis(
  { after },
  {
    args: [
      ...['--tls-port', String(port), '--tls-cert-file', file('cert.pem')],
      ...['--tls-key-file', file('key.pem'), '--tls-ca-cert-file', file('cert.pem')],
      ...['--cluster-enabled', 'yes', '--cluster-port', String(bus), '--tls-cluster', 'yes'],
      ...['--cluster-announce-hostname', 'localhost'],
      ...['--cluster-preferred-endpoint-type', 'hostname'],
      ...['--cluster-announce-ip', '127.0.0.1', '--cluster-announce-tls-port', String(port)],
    ],
  },
)
const admin = connectRedis({ kind: 'url', url: plain.url }, 'wait', () => {})
after(() => admin.disconnect())
await admin.cluster('ADDSLOTSRANGE', 0, 16_383)

const tls = { ca: here.cert, cert: here.cert, key: here.key }

test('a server is connected to with its certificate authority, and a certificate of ours', async (t) => {
  const config: RedisConfig = { kind: 'url', url: `rediss://localhost:${port}`, tls }
  const redis = connectRedis(config, 'fail-fast', () => {})
  t.after(() => redis.disconnect())
  assert.equal((await assertUsable(redis, { volatile: true })).role, 'master')
  const blocking = connectRedis(config, 'wait', () => {})
  t.after(() => blocking.disconnect())
  assert.equal(await blocking.ping(), 'PONG')
})

test('an address is connected to under the name that its certificate is for', async (t) => {
  const url = `rediss://127.0.0.1:${port}`
  const named: RedisConfig = { kind: 'url', url, tls: { ...tls, servername: 'redis.test' } }
  const redis = connectRedis(named, 'fail-fast', () => {})
  t.after(() => redis.disconnect())
  assert.equal(await redis.ping(), 'PONG')
  await refused({ kind: 'url', url, tls }, /IP: 127\.0\.0\.1 is not in the cert's list/)
})

test('the nodes of a cluster keep the names that their certificates are for', async (t) => {
  while (!String(await admin.cluster('INFO')).includes('cluster_state:ok')) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const nodes = [{ host: 'localhost', port }]
  for (const patience of ['wait', 'fail-fast'] as const) {
    const redis = connectRedis({ kind: 'cluster', nodes, tls }, patience, () => {})
    t.after(() => redis.disconnect())
    assert.equal(await redis.set('key', patience), 'OK')
  }
})

test('what TLS fails by is said, and no start waits for it', async () => {
  const url = `rediss://localhost:${port}`
  const login = /docs|ca that signed/
  await refused({ kind: 'url', url }, /self-signed certificate/)
  await refused({ kind: 'url', url, tls: { ...tls, ca: stranger.cert } }, /certificate/)
  await refused({ kind: 'url', url, tls: { ca: here.cert } }, /certificate required/)
  await refused({ kind: 'url', url: `redis://localhost:${port}` }, /speaks TLS, and it was not/)
  await refused({ kind: 'cluster', nodes: [{ host: 'localhost', port }], tls: true }, login)
  await refused({ kind: 'cluster', nodes: [{ host: 'localhost', port }], tls: false }, login)
})

/** By who cannot wait, and by who would. */
async function refused(redis: RedisConfig, message: RegExp): Promise<void> {
  const isSaid = (error: unknown) => {
    assert.ok(error instanceof RedisUnusableError, String(error))
    assert.match(error.message, message)
    return true
  }
  await assert.rejects(createProducer({ redis }), isSaid)
  const waiting = connectRedis(redis, 'wait', () => {})
  await assert.rejects(assertUsable(waiting), isSaid)
  waiting.disconnect()
}

test('the settings of TLS are of the environment and of the file, for every kind of Redis', async () => {
  const env = {
    REDIS_TLS_CA_FILE: file('cert.pem'),
    REDIS_TLS_CERT_FILE: file('cert.pem'),
    REDIS_TLS_KEY_FILE: file('key.pem'),
    REDIS_TLS_SERVERNAME: 'redis.test',
  }
  const trim = (text: string) => text.trimEnd()
  const expected = {
    ...{ ca: trim(here.cert), cert: trim(here.cert), key: trim(here.key) },
    servername: 'redis.test',
  }
  const url = 'rediss://redis'
  const { redis } = await loadConfig({ REDIS_URL: url, ...env }, NOTHING_NEEDED)
  assert.deepEqual(redis, { kind: 'url', url, tls: expected })
  await writeFile(
    file('cluster.yaml'),
    'redis: { cluster: { nodes: [a:1], tls: true }, tls: { caFile: cert.pem } }\n',
  )
  const cluster = await loadConfig({ EXPUNGE_CONFIG: file('cluster.yaml') }, NOTHING_NEEDED)
  const nodes = [{ host: 'a', port: 1 }]
  assert.deepEqual(cluster.redis, { kind: 'cluster', nodes, tls: { ca: trim(here.cert) } })
  await writeFile(
    file('sentinel.yaml'),
    'redis: { sentinel: { nodes: [a:1], tls: true, sentinelTls: false }, tls: { servername: b } }\n',
  )
  const behind = await loadConfig({ EXPUNGE_CONFIG: file('sentinel.yaml') }, NOTHING_NEEDED)
  assert.deepEqual(behind.redis, {
    ...{ kind: 'sentinel', name: 'mymaster', sentinels: nodes },
    ...{ tls: { servername: 'b' }, sentinelTls: false },
  })
})

test('what cannot be used for TLS is refused by its name', async () => {
  const url = 'rediss://redis'
  for (const [env, problem] of [
    [{ REDIS_TLS_CA_FILE: file('no.pem') }, /^REDIS_TLS_CA_FILE: expected one certificate or more/],
    [{ REDIS_TLS_CERT_FILE: file('cert.pem') }, /^REDIS_TLS_CERT_FILE: given alone/],
    [
      { REDIS_TLS_CERT_FILE: file('cert.pem'), REDIS_TLS_KEY_FILE: file('other-key.pem') },
      /^REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE: .*do not match/,
    ],
    [{ REDIS_TLS_KEY: 'no PEM' }, /^REDIS_TLS_KEY: expected a private key as PEM/],
    [
      { REDIS_URL: 'redis://redis', REDIS_TLS_SERVERNAME: 'a' },
      /^REDIS_TLS_SERVERNAME: given, but the connection to Redis is not encrypted.*rediss:/,
    ],
  ] as const) {
    const problems = await problemsOf({ REDIS_URL: url, ...env })
    assert.ok(
      problems.some((text) => problem.test(text)),
      problems.join('\n'),
    )
    assert.doesNotMatch(problems.join('\n'), /no PEM/)
  }
})
