import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startRedis } from '../../../helpers/redis.ts'
import { chunkRef, ingestOrder, openLedger, orderLock, planLock } from './setup.ts'

const server = await startRedis({ after })
const ORDER = ingestOrder('r1.0.1', [chunkRef('R1', 0)])

test('a worker that lost its lock and lives is not counted as a crash', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  await deleting('R1', [ORDER])
  const take = async (worker: string) => {
    const taken = await ledger.takeOrder(ORDER.order, await grab(orderLock(ORDER.order, worker)))
    return taken.kind === 'taken' && taken.crashes
  }
  assert.equal(await take('w1'), 0)
  assert.equal(await take('w2'), 1)
  await ledger.forgiveOrder(ORDER.order, orderLock(ORDER.order))
  assert.equal(await take('w3'), 1)
  assert.equal(await take('w4'), 2)
})

test('a worker that reports a lost lock late leaves the start of the one that has the order', async (t) => {
  const { ledger, deleting, grab } = openLedger(t, server)
  await deleting('R1', [ORDER])
  await ledger.takeOrder(ORDER.order, await grab(orderLock(ORDER.order, 'w1')))
  const lock = await grab(orderLock(ORDER.order, 'w2'))
  await ledger.takeOrder(ORDER.order, lock)
  // It waited while the org was paused, and takes the order again.
  await ledger.handBackOrder(ORDER.order, lock)
  await ledger.takeOrder(ORDER.order, lock)
  await ledger.forgiveOrder(ORDER.order, orderLock(ORDER.order, 'w1'))
  assert.equal((await ledger.ingestOrder(ORDER.order))?.taken, true)
})

test('a planner that lost its lock and lives is not counted as a crash', async (t) => {
  const { ledger, submit, grab } = openLedger(t, server)
  await submit('R1')
  const begin = async (worker: string) => {
    const lock = await grab(planLock('R1', worker))
    const begun = await ledger.beginPlanning({ id: 'R1', lot: `p-${worker}`, lock })
    return begun.kind === 'begun' && begun.crashes
  }
  assert.equal(await begin('w1'), 0)
  assert.equal(await begin('w2'), 1)
  await ledger.forgivePlanning({ id: 'R1', lock: planLock('R1') })
  assert.equal(await begin('w3'), 1)
})

test('what nobody has begun, or what is gone, has nothing to forgive', async (t) => {
  const { redis, keys, ledger } = openLedger(t, server)
  await ledger.forgiveOrder('nobody', orderLock('nobody'))
  await ledger.forgivePlanning({ id: 'nobody', lock: planLock('nobody') })
  assert.equal(await redis.exists(keys.ingest('nobody'), keys.request('nobody')), 0)
})
