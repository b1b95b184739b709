import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { codeOf, RefusedError } from '../../../src/shared/base/errors.ts'
import { settleRequest } from '../../../src/worker/end/settle.ts'
import type { PlannerDeps } from '../../../src/worker/plan/planner.ts'
import { cleared } from '../../helpers/account.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { deleteIds, linesOf, submitIds } from '../../helpers/deletion.ts'
import { ids18 } from '../../helpers/ids.ts'
import { context, planByHand, plannerDeps } from '../../helpers/planning.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'
import { startWorld, type World } from '../../helpers/world.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)

const IDS = ids18(10)

/** What the receipt on disk says, null where there is none. */
async function receiptFile({ results, org }: World, id: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(results, org, id, 'receipt.json'), 'utf8'))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** When a planner that turns its source down loses its request to another. */
const MOMENTS = ['while it reads the source', 'once it has asked whether it may end it'] as const

async function zombie(
  world: World,
  id: string,
  moment: (typeof MOMENTS)[number],
  others: () => Promise<void>,
  real?: PlannerDeps,
): Promise<void> {
  const [early] = MOMENTS
  const deps = await plannerDeps(world, {
    staging: async () => {
      if (moment === early) await others()
      throw new RefusedError('TOO_MANY_RECORDS', 'so it seemed to the zombie')
    },
    ledger: ({ orgId }) => ({
      orgId: async () => {
        if (moment !== early) await others()
        return orgId()
      },
    }),
  })
  await planByHand(world, id, real === undefined ? deps : { ...deps, results: real.results })
}

for (const moment of MOMENTS) {
  describe(`a planner that has lost its request ${moment}`, () => {
    test('leaves no receipt of a request that goes on', async (t) => {
      const world = await startWorld(t, { redis })
      const id = await submitIds(world, IDS, { approval: 'required' })
      const plan = async () => planByHand(world, id, await plannerDeps(world))
      await zombie(world, id, moment, plan)
      assert.equal((await world.store.ledger.load(id))?.status, 'awaiting-approval')
      assert.equal(await receiptFile(world, id), null)
    })

    test('leaves the receipt of whoever has ended it', async (t) => {
      const world = await startWorld(t, { redis })
      const id = await submitIds(world, IDS, { dryRun: true })
      const plan = async () => planByHand(world, id, await plannerDeps(world))
      await zombie(world, id, moment, plan)
      const record = await world.store.ledger.load(id)
      assert.equal(record?.status, 'planned')
      assert.deepEqual(await receiptFile(world, id), record?.receipt)
    })
  })
}

test('a false receipt that is taken back leaves that of whoever ends it meanwhile', async (t) => {
  const world = await startWorld(t, { redis })
  const id = await submitIds(world, IDS, { approval: 'required' })
  const real = await plannerDeps(world)
  let takenBack = 0
  const removeReceipt: typeof real.results.removeReceipt = async (folder) => {
    takenBack++
    await world.store.ledger.cancel(id, 'cancelled')
    await settleRequest(id, real, context())
    await real.results.removeReceipt(folder)
  }
  const own = { ...real, results: { ...real.results, removeReceipt } }
  await zombie(world, id, MOMENTS[1], () => planByHand(world, id, real), own)
  const record = await world.store.ledger.load(id)
  assert.deepEqual([takenBack, record?.status], [1, 'cancelled'])
  assert.deepEqual(await receiptFile(world, id), record?.receipt)
})

test('settling again changes nothing', async (t) => {
  const rows = { rules: [{ code: 'DELETE_FAILED', ids: IDS.slice(0, 3) }] }
  const world = await startWorld(t, { redis, clock: leapingClock(), sandbox: { rows } })
  await world.startWorker()
  const receipt = await deleteIds(world, IDS)
  await cleared(world, receipt.id)
  const lines = await linesOf(world, receipt.id, 'failed.csv')
  assert.equal(lines?.length, 3)
  for (let tries = 0; tries < 2; tries++) {
    await settleRequest(receipt.id, await plannerDeps(world), context())
  }
  assert.deepEqual(await receiptFile(world, receipt.id), receipt)
  assert.deepEqual(await linesOf(world, receipt.id, 'failed.csv'), lines)
})

test('outcomes that do not add up to the plan are never a receipt', async (t) => {
  const world = await startWorld(t, { redis, org: { maxJobRecords: 4 } })
  const { ledger, redis: connection } = world.store
  const id = await submitIds(world, IDS)
  await planByHand(world, id, await plannerDeps(world))
  await connection.del(ledger.keys.open(id))
  await assert.rejects(
    settleRequest(id, await plannerDeps(world), context()),
    /do not add up to its plan/,
  )
  assert.equal((await ledger.load(id))?.status, 'deleting')
  assert.equal(await receiptFile(world, id), null)
})
