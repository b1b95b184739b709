import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { contactIds, place } from './spawn.ts'

const skip = await redisUnavailable()

test('a run whose Redis was emptied says so, sends nothing more and ends with 4', {
  skip,
}, async (t) => {
  const redis = await startRedis(t, {})
  const { sandbox, begin } = await place(t)
  sandbox.faults.add({ on: 'job', action: { do: 'hold' } })
  const args = ['run', '--object', 'Contact', '--ids', contactIds(3).join(), '--yes']
  const run = begin(args, { env: { REDIS_URL: redis.url } })
  await run.meanwhile(sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 1))
  const client = connectRedis({ kind: 'url', url: redis.url }, 'wait', () => {})
  t.after(() => client.disconnect())
  await client.flushall()
  const { code, stderr } = await run.ended
  assert.equal(code, 4, stderr)
  assert.match(stderr, /is not the one that this process opened: .* found none \(Redis came back/)
  assert.equal(sandbox.referee.stats().calls['create']?.received, 1)
})
