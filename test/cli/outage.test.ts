import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { redisUnavailable, startRedis } from '../helpers/redis.ts'
import { contactIds, csvOf, place } from './spawn.ts'

const skip = await redisUnavailable()

test('a run waits while Redis is away, says so once, and goes on', { skip }, async (t) => {
  const redis = await startRedis(t, { appendOnly: true })
  const { folder, sandbox, start } = await place(t, {
    faults: [{ on: 'job', action: { do: 'hold', ms: 1000 } }],
  })
  await writeFile(join(folder, 'ids.csv'), csvOf(contactIds(100)))
  const run = start(['run', '--object', 'Contact', '--csv', 'ids.csv', '--yes'], {
    env: { REDIS_URL: redis.url },
  })
  await sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 1)
  await redis.kill()
  await run.saw(/Redis does not answer/)
  await redis.restart()
  const { code, stdout, stderr } = await run.ended
  assert.equal(code, 0, stderr)
  assert.match(stdout, /Deleted +100/)
  assert.equal(stderr.match(/Redis does not answer/g)?.length, 1)
  assert.match(stderr, /Redis is back/)
  assert.equal(sandbox.referee.stats().deletedTwice, 0)
})
