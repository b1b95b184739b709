import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { jobsAtWork } from '../../../src/cli/at-work.ts'
import type { IngestOrder } from '../../../src/shared/store/ledger/chunk.ts'
import { Peers } from '../../../src/worker/ingest/peers.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { receiptOf, submitIds } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { poll } from '../../helpers/poll.ts'
import { startRedis } from '../../helpers/redis.ts'
import { startWorld } from '../../helpers/world.ts'

const order = (name: string, object = 'Contact'): IngestOrder => ({
  ...{ order: name, object, operation: 'delete', priority: 'normal' },
  chunks: [],
})

describe('a job that fails at a step', () => {
  test('has peers past it only where their calls began later', () => {
    const peers = new Peers()
    const early = peers.now()
    const failed = peers.now()
    peers.passed('upload', order('a'), early)
    assert.equal(peers.havePassed('upload', order('b'), failed), false)
    const late = peers.now()
    peers.passed('upload', order('a'), late)
    // One that began before and took longer takes nothing back.
    peers.passed('upload', order('c'), early)
    assert.equal(peers.havePassed('upload', order('b'), failed), true)
  })

  test('is not its own peer, nor that of another object or step', () => {
    const peers = new Peers()
    const failed = peers.now()
    peers.passed('upload', order('a'), peers.now())
    assert.equal(peers.havePassed('upload', order('a'), failed), false)
    assert.equal(peers.havePassed('upload', order('b', 'Lead'), failed), false)
    assert.equal(peers.havePassed('close', order('b'), failed), false)
  })
})

const redis = await startRedis({ after })
const STRANGE = { do: 'answer', status: 400, errorCode: 'STRANGE_THING' } as const

describe('a refusal that nobody knows', { concurrency: true }, () => {
  for (const on of ['upload', 'close'] as const) {
    test(`of one job at ${on} ends that job, and others get through`, async (t) => {
      const world = await startWorld(t, { redis, clock: leapingClock() })
      const { faults } = world.sandbox
      const all = faults.add({ on, action: STRANGE })
      await world.startWorker()
      const poisoned = await submitIds(world, ids18(3))
      const job = await poll(async () => {
        const isRefused = faults.list().some(({ fired }) => fired > 0)
        return isRefused ? ((await jobsAtWork(world.store, poisoned))[0] ?? null) : null
      })
      faults.add({ on, job, action: STRANGE })
      faults.remove(all.id)
      const others = await Promise.all([10, 20, 30].map((n) => submitIds(world, ids18(3, n))))
      for (const id of others) assert.equal((await receiptOf(world, id)).status, 'completed')
      const { status, outcome, error } = await receiptOf(world, poisoned)
      assert.deepEqual([status, outcome?.unprocessed, error?.code], ['failed', 3, 'STRANGE_THING'])
      assert.match(error?.message ?? '', /Other ingest jobs passed/)
    })
  }

  test('of every job ends none: the org pauses, and says why', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const { faults } = world.sandbox
    const { id: everyClose } = faults.add({ on: 'close', action: STRANGE })
    const fired = () => faults.list().find(({ id }) => id === everyClose)?.fired ?? 0
    await world.startWorker()
    const ids = await Promise.all([0, 10, 20].map((n) => submitIds(world, ids18(3, n))))
    const { message } = await poll(async () => {
      const { fault } = await world.store.ledger.pauseState()
      return fault !== null && fault.failures > 1 ? fault : null
    })
    await poll(async () => fired() >= 25 || null)
    faults.remove(everyClose)
    assert.match(message, /close with 400 STRANGE_THING/)
    for (const id of ids) assert.equal((await receiptOf(world, id)).status, 'completed')
  })
})
