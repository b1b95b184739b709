import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { losses, startMortalService, submitThroughDeath } from './stubborn.ts'

/** The small form of the safety run in bench/tables/submit.ts. */
test('a service that is killed loses no request that it accepted, and doubles none', async (t) => {
  const scope = inReverse((close) => t.after(close))
  const folder = await mkdtemp(join(tmpdir(), 'expunge-killed-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  const redis = await startRedis(scope, {})
  const service = startMortalService(scope, {
    REDIS_URL: redis.url,
    EXPUNGE_RESULTS: join(folder, 'results'),
  })
  const run = await submitThroughDeath(scope, service, { requests: 300, connections: 20 })
  assert.deepEqual(await losses(redis.url, run), [])
  assert.equal(run.answers.size, 300)
  assert.ok(run.unanswered > 0, 'nobody was asking when it died')
})
