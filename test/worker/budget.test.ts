import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { BudgetExceededError } from '../../src/producer/producer.ts'
import { leapingClock } from '../helpers/clock.ts'
import { receiptOf } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { startWorld } from '../helpers/world.ts'

const redis = await startRedis({ after })
const caller = {
  submittedBy: 'crm',
  limits: { recordsPerHour: 10, recordsPerDay: null, files: null },
}

async function* csv(ids: readonly string[]) {
  yield Buffer.from(`Id\n${ids.join('\n')}\n`)
}

test('small requests never come to more than the budget, whatever their source', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const { producer, org } = world
  await world.startWorker()
  const upload = (n: number) =>
    producer.submit(
      { org, object: 'Contact', source: { type: 'upload' } },
      csv(ids18(3, n * 100)),
      caller,
    )
  const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => upload(n)))
  const receipts = await Promise.all(answers.map(({ request }) => receiptOf(world, request.id)))
  const refused = receipts.filter(({ status }) => status === 'refused')
  assert.equal(receipts.filter(({ status }) => status === 'completed').length, 3)
  assert.deepEqual([...new Set(refused.map(({ error }) => error?.code))], ['BUDGET_EXCEEDED'])
  assert.match(refused[0]?.error?.message ?? '', /10 an hour/)
  const list = (ids: readonly string[]) =>
    producer.submit(
      { org, object: 'Contact', source: { type: 'ids', ids: [...ids] } },
      undefined,
      caller,
    )
  await assert.rejects(list(ids18(2, 5000)), BudgetExceededError)
  const last = await list(ids18(1, 5000))
  assert.equal((await receiptOf(world, last.request.id)).status, 'completed')
})

test('a dry run and a refused plan cost nothing', async (t) => {
  const world = await startWorld(t, { redis, clock: leapingClock() })
  const { producer, org, store } = world
  await world.startWorker()
  const submit = async (ids: readonly string[], dryRun: boolean) => {
    const source = { type: 'ids' as const, ids: [...ids] }
    const { request } = await producer.submit(
      { org, object: 'Contact', source, dryRun },
      undefined,
      caller,
    )
    return (await receiptOf(world, request.id)).status
  }
  assert.equal(await submit(ids18(10), true), 'planned')
  assert.equal(await submit([...ids18(9), 'none'], false), 'refused')
  assert.deepEqual(await store.redis.hgetall(store.ledger.keys.spent('crm')), {})
  assert.equal(await submit([...ids18(5), ...ids18(5)], false), 'completed')
  assert.equal(await submit(ids18(5, 100), false), 'completed')
  await assert.rejects(submit(ids18(1, 200), false), { code: 'BUDGET_EXCEEDED' })
})
