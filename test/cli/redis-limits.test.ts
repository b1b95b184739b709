import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { contactIds, type Place, place } from './spawn.ts'

const skip = await redisUnavailable()

const IDS = ['--object', 'Contact', '--ids', contactIds(1).join()]
const COMMANDS: readonly (readonly string[])[] = [
  ['submit', ...IDS],
  ['run', ...IDS, '--yes'],
  ['doctor'],
  ['worker'],
]

/** How each of them ends. */
function endsOf({ expunge }: Place, env: Readonly<Record<string, string>>) {
  return Promise.all(COMMANDS.map((command) => expunge(command, { env })))
}

async function adminOf(t: TestContext) {
  const redis = await startRedis(t, {})
  const admin = connectRedis({ kind: 'url', url: redis.url }, 'wait', () => {})
  t.after(() => admin.disconnect())
  return { redis, admin }
}

describe('a Redis that cannot be used', { skip }, () => {
  test('a replica: every command says so at once, and where the primary is', async (t) => {
    const { redis, admin } = await adminOf(t)
    await admin.call('REPLICAOF', '127.0.0.1', '1')
    const here = await place(t)
    const env = { REDIS_URL: redis.url, EXPUNGE_METRICS_PORT: '0' }
    const ends = await endsOf(here, env)
    for (const { code, stdout, stderr } of ends) {
      assert.equal(code, 2, stderr)
      assert.match(stdout + stderr, /a replica of 127\.0\.0\.1:1/)
      assert.match(stdout + stderr, /Name the primary in REDIS_URL/)
    }
  })

  test('a wrong password: every command says so at once, and repeats it nowhere', async (t) => {
    const { redis, admin } = await adminOf(t)
    await admin.config('SET', 'requirepass', 'right')
    const here = await place(t)
    const url = redis.url.replace('//', '//:wr0ng-secret@')
    const env = { REDIS_URL: url, EXPUNGE_METRICS_PORT: '0' }
    const ends = await endsOf(here, env)
    for (const { code, stdout, stderr } of ends) {
      assert.equal(code, 2, stderr)
      assert.match(stdout + stderr, /WRONGPASS/)
      assert.doesNotMatch(stdout + stderr, /wr0ng-secret/)
    }
  })
})
