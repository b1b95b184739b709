import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { createProducer } from '../../src/producer/producer.ts'
import { type Clock, systemClock } from '../../src/shared/base/clock.ts'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import { openServerClock, redisNow } from '../../src/shared/store/redis/server-clock.ts'
import { outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld } from '../helpers/world.ts'

/** Machines whose clocks are a quarter of an hour wrong, either way. */

const redis = await startRedis({ after })
const MINUTE = 60_000
const SKEWS = [
  ['slow', -15 * MINUTE],
  ['fast', 15 * MINUTE],
] as const

const skewed = (ms: number): Clock => ({ ...systemClock, now: () => systemClock.now() + ms })
/** As an ISO time, so many minutes from now. */
const inMinutes = (minutes: number) => new Date(Date.now() + minutes * MINUTE).toISOString()

function assertNow(at: number, now: number): void {
  assert.ok(Math.abs(at - now) < MINUTE, `${new Date(at).toISOString()} is not now`)
}

/** Everything of this process that asks for the time, libraries too, gets it wrong. */
function skewProcess(t: TestContext, ms: number): void {
  const now = Date.now
  t.mock.method(Date, 'now', () => now() + ms)
}

test("the server's clock is the same for everybody, however wrong the machine's", async (t) => {
  const client = connectRedis({ kind: 'url', url: redis.url }, 'fail-fast', () => {})
  t.after(() => client.disconnect())
  for (const [, ms] of SKEWS) {
    const clock = await openServerClock(client, skewed(ms))
    assertNow(clock.now(), await redisNow(client))
    assertNow(clock.aheadMs, ms)
    clock.close()
  }
})

for (const [name, ms] of SKEWS) {
  describe(`with a clock that is 15 minutes ${name}`, () => {
    test('a producer stages and submits in the time of Redis', async (t) => {
      const { store, org } = await startWorld(t, { redis })
      const now = Date.now()
      skewProcess(t, ms)
      const producer = await createProducer({ redis: redis.url })
      t.after(() => producer.close())
      const half = Promise.withResolvers<void>()
      const rest = Promise.withResolvers<void>()
      async function* csv() {
        // Two frames are on their way before the upload stands still.
        yield Buffer.from('Id\n'.padEnd(2_500_000, '\n'))
        half.resolve()
        await rest.promise
        yield Buffer.from(`${ids18(1).join('\n')}\n`)
      }
      const submitted = producer.submit(
        { org, object: 'Contact', source: { type: 'upload' }, dryRun: true },
        csv(),
      )
      await half.promise
      const lots = async () => (await store.staging.lots()).map(({ touchedAt }) => touchedAt)
      while ((await lots()).length === 0) await systemClock.sleep(5)
      // A sweep drops what nobody has touched for ten minutes, by the time of Redis.
      for (const touchedAt of await lots()) assertNow(touchedAt, now)
      rest.resolve()
      const { request } = await submitted
      assertNow(Date.parse(request.submittedAt), now)
    })

    test('a worker neither cuts a deadline short nor misses it', async (t) => {
      const world = await startWorld(t, { redis })
      await world.startWorker({}, { machine: skewed(ms) })
      const early = await submitIds(world, ids18(3), { deadline: inMinutes(5) })
      assert.deepEqual((await receiptOf(world, early)).outcome, outcome({ deleted: 3 }))
      const late = await submitIds(world, ids18(3, 50), { deadline: inMinutes(-5) })
      const receipt = await receiptOf(world, late)
      assert.deepEqual([receipt.status, receipt.error?.code], ['cancelled', 'DEADLINE_PASSED'])
    })

    test('a worker pauses the org from now on, and not for a quarter of an hour', async (t) => {
      const world = await startWorld(t, { redis })
      await world.startWorker({}, { machine: skewed(ms) })
      world.sandbox.faults.add({ on: 'create', action: { do: 'answer', status: 503 } })
      await submitIds(world, ids18(3))
      const { ledger } = world.store
      let pause = await ledger.pauseState()
      while (pause.fault === null) {
        await systemClock.sleep(20)
        pause = await ledger.pauseState()
      }
      assertNow(pause.fault.since, Date.now())
      assertNow(pause.fault.until, Date.now())
    })
  })
}
