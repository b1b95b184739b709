import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseRedisUrl } from '../../../src/shared/base/redis-url.ts'
import { loadConfig } from '../../../src/shared/config/config.ts'
import { showRedis } from '../../../src/shared/config/redis.ts'
import { folderOf, NOTHING_NEEDED, problemsOf } from '../../helpers/config.ts'

test('a Redis URL is shown without password and options', () => {
  const shown = (text: string) => parseRedisUrl(text)?.shown
  assert.equal(shown('redis://redis'), 'redis://redis')
  assert.equal(shown('redis://localhost:6379/0'), 'redis://localhost:6379/0')
  assert.equal(shown('redis://:hunter2@redis:1'), 'redis://:***@redis:1')
  assert.equal(shown('rediss://ada:hunter2@redis/3?password=x'), 'rediss://ada:***@redis/3')
  assert.equal(shown('redis://[::1]:6379'), 'redis://[::1]:6379')
})

test('what is no Redis URL is refused', () => {
  for (const text of [
    '',
    'redis',
    'redis://',
    'http://redis',
    'redis:6379',
    'redis://redis/queue',
  ]) {
    assert.equal(parseRedisUrl(text), undefined, text)
  }
})

test('options behind a Redis URL are refused by their names, with what to say instead', async () => {
  const [problem = '', more] = await problemsOf({ REDIS_URL: 'redis://:hunter2@redis?keyPrefix=a' })
  assert.match(problem, /^REDIS_URL: expected redis:.*the options \?keyPrefix= behind it/)
  assert.match(problem, /redis:\/\/host:6379\/1/)
  assert.doesNotMatch(problem, /hunter2/)
  assert.equal(more, undefined)
  for (const REDIS_URL of ['redis://redis#1', ' redis://redis', 'redis://re\tdis']) {
    const [fault = ''] = await problemsOf({ REDIS_URL })
    assert.match(fault, /^REDIS_URL: expected redis:/, REDIS_URL)
  }
})

test('every kind of Redis is shown without its passwords', () => {
  const nodes = [
    { host: 'a', port: 1 },
    { host: 'b', port: 2 },
  ]
  const password = 'hunter2'
  assert.equal(showRedis({ kind: 'url', url: 'redis://:hunter2@redis' }), 'redis://:***@redis')
  assert.equal(showRedis({ kind: 'socket', path: '/run/redis.sock' }), '/run/redis.sock')
  assert.equal(
    showRedis({ kind: 'sentinel', name: 'm', sentinels: nodes, password, tls: true }),
    'm at Sentinel a:1, b:2',
  )
  assert.equal(showRedis({ kind: 'cluster', nodes, password, tls: false }), 'cluster a:1, b:2')
})

test('that its data may be lost is said in the file, wherever the server is named', async (t) => {
  const folder = await folderOf(t, {
    'url.yaml': 'redis: { url: redis://redis, volatile: true }\n',
    'only.yaml': 'redis: { volatile: true }\n',
    'not.yaml': 'redis: { url: redis://redis, volatile: false }\n',
    'odd.yaml': 'redis: { volatile: perhaps }\n',
  })
  const read = async (file: string, env: Record<string, string> = {}) =>
    (await loadConfig({ EXPUNGE_CONFIG: join(folder, file), ...env }, NOTHING_NEEDED)).redis
  const url = { kind: 'url', url: 'redis://redis' }
  assert.deepEqual(await read('url.yaml'), { ...url, volatile: true })
  assert.deepEqual(await read('only.yaml', { REDIS_URL: 'redis://redis' }), {
    ...url,
    volatile: true,
  })
  assert.deepEqual(await read('not.yaml'), url)
  assert.equal(await read('only.yaml'), null)
  const [problem = ''] = await problemsOf({ EXPUNGE_CONFIG: join(folder, 'odd.yaml') })
  assert.match(problem, /^redis\.volatile in .*: expected true or false/)
})

test('replicas are asked for beside the server, and not of a cluster', async (t) => {
  const folder = await folderOf(t, {
    'url.yaml': 'redis: { url: redis://redis, replicas: 1 }\n',
    'only.yaml': 'redis: { replicas: 2 }\n',
    'none.yaml': 'redis: { url: redis://redis, replicas: 0 }\n',
    'cluster.yaml': 'redis: { cluster: { nodes: [a:1] }, replicas: 1 }\n',
  })
  const read = async (file: string, env: Record<string, string> = {}) =>
    (await loadConfig({ EXPUNGE_CONFIG: join(folder, file), ...env }, NOTHING_NEEDED)).redis
  const url = { kind: 'url', url: 'redis://redis' }
  assert.deepEqual(await read('url.yaml'), { ...url, replicas: 1 })
  assert.deepEqual(await read('only.yaml', { REDIS_URL: url.url }), { ...url, replicas: 2 })
  assert.deepEqual(await read('none.yaml'), url)
  const [problem = ''] = await problemsOf({ EXPUNGE_CONFIG: join(folder, 'cluster.yaml') })
  assert.match(problem, /redis\.replicas.*for one primary with replicas, not for a cluster/)
})
