import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'

const QUICK = { worker: { lockMs: 1000, stalledMs: 1000, resendMs: 0 } }

const pause = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('an outage', { concurrency: true }, () => {
  test('Redis goes away in the middle of everything, comes back, and the work goes on', async (t) => {
    const scope = inReverse((close) => t.after(close))
    const redis = await startRedis(scope, { appendOnly: true })
    const org = { maxJobRecords: 10, maxInFlight: 4 }
    const world = await startWorld(scope, { redis, org })
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', times: 4, action: { do: 'hold' } })
    const worker = await world.startWorker(QUICK)
    assert.equal(await worker.ready(), null)
    const id = await submitIds(world, ids18(80))
    await referee.until(({ jobsAtWork }) => jobsAtWork === 4)
    await redis.kill()
    while ((await worker.ready()) === null) await pause()
    await redis.restart()
    faults.clear()

    const receipt = await receiptOf(world, id)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 80 }))
    assert.equal(await worker.ready(), null)
    const stats = referee.stats()
    assert.equal(stats.deletedTwice, 0)
    assert.deepEqual(stats.violationCounts, {})
    assert.ok(stats.maxJobsUnseen <= 4, `${stats.maxJobsUnseen} at once`)
  })

  test('a worker that lost the lock of its job writes nothing, and the job goes on', async (t) => {
    const scope = inReverse((close) => t.after(close))
    const redis = await startRedis(scope, {})
    const world = await startWorld(scope, { redis })
    const { referee, faults } = world.sandbox
    faults.add({ on: 'job', times: 1, action: { do: 'hold' } })
    // Not so short that a busy machine loses it by itself.
    await world.startWorker({ worker: { ...QUICK.worker, lockMs: 4000 } })
    const id = await submitIds(world, ids18(10))
    await referee.until(({ jobsAtWork }) => jobsAtWork === 1)
    const { ledger, redis: connection } = world.store
    const [order = ''] = (await ledger.openChunks(id)).values()
    await connection.set(
      ledger.keys.lock({ queue: 'ingest-jobs', jobId: order }),
      'somebody else',
      'PX',
      3000,
    )
    const counted = () => world.metrics.registry.metrics()
    while (!/^expunge_locks_lost_total\{.*\} 1$/m.test(await counted())) await pause()
    faults.clear()

    const receipt = await receiptOf(world, id)
    assert.deepEqual(receipt.outcome, outcome({ deleted: 10 }))
    assert.equal(referee.stats().jobs.length, 1)
    const text = await counted()
    assert.match(text, /^expunge_locks_lost_total\{.*queue="ingest-jobs"\} 1$/m)
    assert.match(text, /^expunge_jobs_recovered_total\{.*queue="ingest-jobs"\} 1$/m)
    assert.match(text, /^expunge_ingest_jobs_total\{.*state="JobComplete"\} 1$/m)
    assert.match(text, /^expunge_records_total\{.*outcome="deleted"\} 10$/m)
  })
})
