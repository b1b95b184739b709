import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { FAILURE_CODES } from '../../src/worker/ingest/row-error.ts'
import { leapingClock } from '../helpers/clock.ts'
import { startRedis } from '../helpers/redis.ts'
import { REFUSALS } from '../helpers/refusals.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'

test('a worker’s page has all that is to be expected with 0, though nobody lets it in yet', async (t) => {
  const scope = inReverse((close) => t.after(close))
  const world = await startWorld(scope, {
    redis: await startRedis(scope, {}),
    clock: leapingClock(),
  })
  world.sandbox.faults.add({ on: 'token', action: { do: 'answer', status: 503, body: 'empty' } })
  const stopping = new AbortController()
  const start = world.startWorker({}, { signal: stopping.signal })
  const page = () => world.metrics.registry.metrics()
  while (!(await page()).includes('\nexpunge_redis_up 1\n')) await delay(5)
  const text = await page()
  for (const object of ['Contact', 'Lead', 'Campaign', 'MarketSegment', 'FlowRecord']) {
    const at = `org="${world.org}",object="${object}"`
    assert.ok(text.includes(`\nexpunge_requests_total{${at},status="completed"} 0\n`), object)
    for (const code of [...FAILURE_CODES, 'OTHER']) {
      assert.ok(text.includes(`\nexpunge_record_failures_total{${at},code="${code}"} 0\n`), code)
    }
  }
  assert.match(text, /^expunge_callbacks_total\{.*result="rejected"\} 0$/m)
  stopping.abort(new Error('enough'))
  await assert.rejects(start, { message: 'enough' })
})

async function startWorkerOf(t: TestContext) {
  const scope = inReverse((close) => t.after(close))
  const redis = await startRedis(scope, { appendOnly: true })
  const world = await startWorld(scope, { redis, clock: leapingClock() })
  await world.startWorker()
  const isUp = async () => /^expunge_redis_up 1$/m.test(await world.metrics.registry.metrics())
  assert.ok(await isUp())
  return { redis, isUp, admin: world.store.redis }
}

test('a worker’s page says whether Redis answers that worker', async (t) => {
  const { redis, isUp } = await startWorkerOf(t)
  await redis.kill()
  while (await isUp()) await delay(5)
  await redis.restart()
  while (!(await isUp())) await delay(5)
})

for (const [code, { begin, end }] of Object.entries(REFUSALS)) {
  test(`a worker’s page says that Redis takes no writes, though it may answer: ${code}`, async (t) => {
    const { isUp, admin } = await startWorkerOf(t)
    await begin(admin)
    // Once is not enough: who looks for the primary connects anew, which is no outage.
    for (let inARow = 0; inARow < 10; await delay(50)) inARow = (await isUp()) ? 0 : inARow + 1
    await end(admin)
    while (!(await isUp())) await delay(20)
  })
}
