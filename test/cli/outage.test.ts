import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { contactIds, csvOf, place } from './spawn.ts'

const skip = await redisUnavailable()

test('a run waits while Redis is away, says why and how long, and goes on', { skip }, async (t) => {
  const redis = await startRedis(t, { appendOnly: true })
  const { folder, sandbox, begin } = await place(t, {
    faults: [{ on: 'job', action: { do: 'hold' } }],
  })
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(100)))
  const run = begin(['run', '--object', 'Contact', '--csv', 'ids.csv', '--yes'], {
    env: { REDIS_URL: redis.url },
  })
  await sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 1)
  await redis.kill()
  await run.saw(/! Redis at redis:\S+ does not answer: .* the connection was refused \(/)
  await redis.restart()
  sandbox.faults.clear()
  const { code, stdout, stderr } = await run.ended
  assert.equal(code, 0, stderr)
  assert.match(stdout, /Deleted +100/)
  assert.match(stderr, /Attempt 1 failed; next attempt in 1 s\. Ctrl-C stops waiting\.\n/)
  // The worker within has nothing to add.
  assert.equal(stderr.match(/refused/g)?.length, 1)
  assert.match(stderr, /Connected again after \d/)
  assert.equal(sandbox.referee.stats().deletedTwice, 0)
})
