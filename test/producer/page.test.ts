import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startRedis } from '../helpers/redis.ts'
import { startServiceHere } from './http/process.ts'

const redis = await startRedis({ after })

test('a producer’s page tells of the org that it knows without a configuration file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-page-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const service = startServiceHere(t, { REDIS_URL: redis.url, EXPUNGE_RESULTS: folder })
  const { url } = await service.logged('Serving /metrics, /healthz and /readyz.')
  await service.logged('Producer started.')
  let page = ''
  while (!/^expunge_redis_up 1$/m.test(page)) {
    page = await (await fetch(new URL('/metrics', String(url)))).text()
  }
  assert.match(page, /^expunge_requests\{org="default",status="queued"\} 0$/m)
  assert.match(page, /^expunge_workers\{org="default"\} 0$/m)
  assert.doesNotMatch(page, /expunge_records_total/)
})
