import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { RedisUnavailableError } from '../../src/producer/producer.ts'
import { createLogger } from '../../src/shared/base/logger.ts'
import { isTooLate } from '../chaos/helpers/referee.ts'
import { attemptsSpent } from '../helpers/attempts.ts'
import { deleteIds, outcome, receiptOf, statusReached, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis, type TestRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** Locks far shorter than the outages: every job in hand is lost to its worker. */
const QUICK = { worker: { lockMs: 1000, stalledMs: 1000, resendMs: 0 } }
const WINDOW = 4

/** How Redis goes away and comes back: as a process that dies, and as one that answers nobody. */
const OUTAGES: Readonly<Record<string, (redis: TestRedis, ms: number) => Promise<void>>> = {
  'is killed': async (redis, ms) => {
    await redis.kill()
    await delay(ms)
    await redis.restart()
  },
  'is frozen': async ({ pid }, ms) => {
    process.kill(pid, 'SIGSTOP')
    await delay(ms)
    process.kill(pid, 'SIGCONT')
  },
}

async function ownWorld(t: TestContext) {
  const scope = inReverse((close) => t.after(close))
  const redis = await startRedis(scope, { appendOnly: true })
  const said: string[] = []
  const destination = { write: (line: string) => said.push(String(JSON.parse(line).msg)) }
  const log = createLogger({ level: 'info', destination })
  const org = { maxJobRecords: 10, maxInFlight: WINDOW }
  const world = await startWorld(scope, { redis, org, log })
  return { redis, world, said }
}

describe('Redis', { concurrency: true }, () => {
  for (const [how, outage] of Object.entries(OUTAGES)) {
    test(`${how} for 3 s while workers plan, upload and wait: all goes on, nothing is lost`, async (t) => {
      const { redis, world, said } = await ownWorld(t)
      const { referee, faults } = world.sandbox
      faults.add({ on: 'upload', nth: 2, action: { do: 'stall', ms: 1500, when: 'before' } })
      faults.add({ on: 'job', times: 3, action: { do: 'hold' } })
      await world.startWorker(QUICK)
      await world.startWorker(QUICK)
      const waiting = await submitIds(world, ids18(80))
      await referee.until(({ jobsAtWork }) => jobsAtWork === WINDOW - 1)
      const planned = await submitFile(world, ids18(5000, 1000))
      await statusReached(world, planned, 'planning')
      await outage(redis, 3000)
      faults.clear()

      assert.deepEqual((await receiptOf(world, waiting)).outcome, outcome({ deleted: 80 }))
      const dryRun = await receiptOf(world, planned)
      assert.deepEqual([dryRun.status, dryRun.plan?.accepted], ['planned', 5000])
      assert.deepEqual(await attemptsSpent(world), [])
      const stats = referee.stats()
      // A worker that lost its lock meanwhile may still make a call, which Salesforce refuses.
      assert.deepEqual(
        stats.violations.filter((one) => !isTooLate(one)),
        [],
      )
      assert.equal(stats.deletedTwice, 0)
      assert.ok(stats.maxJobsUnseen <= WINDOW, `${stats.maxJobsUnseen} at once`)
      const told = said.filter((line) => line.startsWith('Redis connection error')).length
      assert.ok(told <= 4, `an outage was told of ${told} times`)
    })
  }

  test('is away for longer than BullMQ blocks: an idle worker still takes what comes afterwards', async (t) => {
    const { redis, world } = await ownWorld(t)
    await world.startWorker(QUICK)
    await deleteIds(world, ids18(5))
    // BullMQ 6.0 to 6.3 never fetched again after drainDelay + 1 s.
    await OUTAGES['is killed']?.(redis, 6500)
    const receipt = await deleteAgain(world, ids18(15, 100))
    assert.deepEqual(receipt.outcome, outcome({ deleted: 15 }))
  })

  test('is away: callers are told within seconds, whatever they ask', async (t) => {
    const { redis, world } = await ownWorld(t)
    const { producer, org } = world
    const id = await submitIds(world, ids18(3))
    const waiting = producer.wait(id, { org })
    await redis.kill()
    const asked = [
      waiting,
      submitIds(world, ids18(3)),
      producer.inspect(id, { org }),
      producer.list({ org }),
      producer.wait(id, { org }),
      producer.approve(id, { org }),
      producer.cancel(id, { org }),
    ]
    for (const answer of await Promise.allSettled(asked)) {
      assert.equal(answer.status, 'rejected')
      const error: unknown = answer.reason
      assert.ok(error instanceof RedisUnavailableError, String(error))
      assert.equal(error.code, 'REDIS_AWAY')
      assert.match(error.message, /Redis does not answer/)
    }
    await redis.restart()
    assert.equal((await inspected(world, id)).status, 'queued')
  })
})

async function submitFile({ producer, folder, org }: World, ids: readonly string[]) {
  const path = join(folder, 'ids.csv')
  await writeFile(path, ['Id', ...ids, ''].join('\n'))
  const source = { type: 'file' as const, path }
  const { request } = await producer.submit({ org, object: 'Contact', source, dryRun: true })
  return request.id
}

/** Producers fail fast, so whoever submits after an outage tries until Redis is back. */
async function deleteAgain(world: World, ids: readonly string[]) {
  for (;;) {
    try {
      return await deleteIds(world, ids, { id: 'again' })
    } catch (error) {
      if (!(error instanceof RedisUnavailableError)) throw error
      await delay(20)
    }
  }
}

async function inspected({ producer, org }: World, id: string) {
  for (;;) {
    const view = await producer.inspect(id, { org }).catch(() => null)
    if (view !== null) return view
    await delay(20)
  }
}
