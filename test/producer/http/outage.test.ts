import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { HTTP_TIMEOUTS } from '../../../src/producer/http/timeouts.ts'
import { ids18 } from '../../helpers/ids.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld } from '../../helpers/world.ts'
import { type Answer, PATH, startApi, until } from './api.ts'

const scope = inReverse(after)
const redis = await startRedis(scope, { appendOnly: true })
const world = await startWorld(scope, { redis })
const { org } = world
const api = await startApi(scope, world, { redis, timeouts: { redisMs: HTTP_TIMEOUTS.redisMs } })

const json = (id: string) => ({
  id,
  org,
  object: 'Contact',
  source: { type: 'ids', ids: ids18(3) },
})
const submit = (id: string) => api.call(PATH, { json: json(id) })
const upload = (id: string) =>
  api.call(`${PATH}?org=${org}&object=Contact&id=${id}`, {
    body: `Id\n${ids18(100).join('\n')}\n`,
    headers: { 'Content-Type': 'text/csv' },
  })

/** Everything that needs Redis. */
const calls: readonly (() => Promise<Answer>)[] = [
  () => submit('during'),
  () => upload('during-csv'),
  () => api.call(`${PATH}?org=${org}`),
  () => api.call(`${PATH}/before?org=${org}`),
  () => api.call(`${PATH}/before/cancel?org=${org}`, { method: 'POST' }),
  () => api.call(`${PATH}/before/results/failed.csv?org=${org}`),
  () => api.call('/queues/api/queues'),
]

function assertAway({ status, json, headers, text }: Answer): void {
  assert.deepEqual([status, json?.code], [503, 'REDIS_AWAY'], text)
  assert.match(headers.get('retry-after') ?? '', /^\d+$/)
}

/** Resolves once it serves again: the library's own connection may take a moment longer. */
async function back(t: TestContext): Promise<Answer> {
  await until(t, async () => (await api.service.ready()) === null)
  await until(t, async () => (await submit('before')).status !== 503)
  return submit('before')
}

describe('while Redis is away', () => {
  test('every call fails at once, and all goes on once it is back', async (t) => {
    const before = await submit('before')
    assert.equal(before.status, 202)
    assert.equal(await api.service.ready(), null)
    await redis.kill()
    await until(t, async () => (await api.service.ready()) !== null)
    for (const call of calls) assertAway(await call())
    assert.equal((await api.call('/openapi.json')).status, 200)
    await redis.restart()
    const again = await back(t)
    assert.deepEqual([again.status, again.json], [200, before.json])
    assert.equal((await submit('after')).status, 202)
    assert.equal((await upload('after-csv')).status, 202)
  })

  test('no answer of it is waited for, either', async (t) => {
    process.kill(redis.pid, 'SIGSTOP')
    try {
      assert.match((await api.service.ready()) ?? '', /no answer/)
      for (const answer of await Promise.all(calls.slice(0, 6).map((call) => call())))
        assertAway(answer)
    } finally {
      process.kill(redis.pid, 'SIGCONT')
    }
    assert.equal((await back(t)).status, 200)
  })
})

test('Redis that takes no writes is told apart from one that is away', async () => {
  await world.store.redis.call('CONFIG', 'SET', 'maxmemory', '1')
  const full = await submit('full')
  await world.store.redis.call('CONFIG', 'SET', 'maxmemory', '0')
  assert.deepEqual([full.status, full.json.code], [503, 'REDIS_FULL'])
  assert.ok(full.headers.has('retry-after'))
  assert.equal(await world.producer.inspect('full', { org }), null)
  assert.equal((await submit('full')).status, 202)
})
