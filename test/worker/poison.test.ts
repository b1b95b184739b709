import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { ShutdownError } from '../../src/shared/base/context.ts'
import { NoMemoryError } from '../../src/worker/plan/memory.ts'
import { planRequest } from '../../src/worker/plan/planner.ts'
import { cleared } from '../helpers/account.ts'
import { leapingClock } from '../helpers/clock.ts'
import { deleteIds, outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { context, planByHand, planLock, plannerDeps } from '../helpers/planning.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld, type World } from '../helpers/world.ts'

/** A source over which workers die must not take down one after the other. */

const scope = inReverse(after)
const redis = await startRedis(scope)

const IDS = ids18(10)

/** A worker that dies while it plans: it has begun, staged something, and nobody hears of it again. */
async function die(world: World, id: string): Promise<void> {
  const deps = await plannerDeps(world, {
    ledger: () => ({ handBackPlanning: async () => {} }),
    staging: async () => {
      throw new Error('dead')
    },
  })
  const lock = await planLock(world, id, 'dead')
  await assert.rejects(planRequest(id, lock, deps, context()), /dead/)
  const { lot = '' } = (await world.store.ledger.load(id)) ?? {}
  const writer = world.store.staging.write({ request: id, lot: lot ?? '' }, 0)
  await writer.write(Buffer.from('003000000000001'))
  await writer.end()
  await world.store.redis.del(world.store.ledger.keys.lock(lock))
}

test('a source over which five workers died fails, and other requests go on', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const poison = await submitIds(world, IDS)
  for (let deaths = 0; deaths < 5; deaths++) await die(world, poison)
  await world.startWorker()
  const other = await deleteIds(world, ids18(3, 100))
  assert.equal(other.status, 'completed')
  const receipt = await receiptOf(world, poison)
  assert.deepEqual([receipt.status, receipt.error?.code], ['failed', 'CRASHED'])
  assert.deepEqual([receipt.plan, receipt.outcome], [null, null])
  assert.equal(world.sandbox.referee.stats().rowsReceived, 3)
  await cleared(world, poison)
})

test('a source over which four workers died is given to a fifth', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const id = await submitIds(world, IDS)
  for (let deaths = 0; deaths < 4; deaths++) await die(world, id)
  await world.startWorker()
  assert.deepEqual((await receiptOf(world, id)).outcome, outcome({ deleted: 10 }))
  await cleared(world, id)
})

describe('a plan that is given back is no crash, however often, where', () => {
  test('the worker stops', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const id = await submitIds(world, IDS)
    const stopping = new AbortController()
    const deps = await plannerDeps(world, {
      staging: async () => {
        stopping.abort(new ShutdownError('The worker stops.'))
        stopping.signal.throwIfAborted()
      },
    })
    await giveBack(world, id, deps, () => context({ signal: stopping.signal }), ShutdownError)
  })

  test('Redis has no room', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const id = await submitIds(world, IDS)
    const deps = await plannerDeps(world, {
      staging: async () => {
        throw new NoMemoryError('Redis has no room for the plan.')
      },
    })
    await giveBack(world, id, deps, context, NoMemoryError)
  })

  test('the worker meets a fault of its own', async (t) => {
    const world = await startWorld(t, { redis, clock: leapingClock() })
    const id = await submitIds(world, IDS)
    const deps = await plannerDeps(world, {
      staging: async () => {
        throw new RangeError('a defect')
      },
    })
    await giveBack(world, id, deps, context, RangeError)
  })

  async function giveBack(
    world: World,
    id: string,
    deps: Awaited<ReturnType<typeof plannerDeps>>,
    ctx: () => ReturnType<typeof context>,
    error: new (message: string) => Error,
  ): Promise<void> {
    for (let tries = 0; tries < 7; tries++) {
      const lock = await planLock(world, id)
      await assert.rejects(planRequest(id, lock, deps, ctx()), error)
    }
    await planByHand(world, id, await plannerDeps(world))
    assert.equal((await world.store.ledger.load(id))?.status, 'deleting')
  }
})
