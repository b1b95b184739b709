import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startRedis } from '../../../helpers/redis.ts'
import {
  chunkRef,
  ingestOrder,
  openLedger,
  PLAN,
  planLock,
  settlement,
  submission,
} from './setup.ts'

const server = await startRedis({ after })
const CALLED = { id: 'Req-1', callbackUrl: 'https://caller.example/done' }
const ORDER = ingestOrder('req-1.0.1', [chunkRef('Req-1', 0)])

test('every change of status of a request with a callback is noted once, in order', async (t) => {
  const { ledger, grab, record } = openLedger(t, server)
  await ledger.accept(submission(CALLED))
  await ledger.accept(submission(CALLED))
  const lock = await grab(planLock('Req-1'))
  await ledger.beginPlanning({ id: 'Req-1', lot: 'lot-0', lock })
  await ledger.beginPlanning({ id: 'Req-1', lot: 'lot-1', lock })
  const plan = { id: 'Req-1', lot: 'lot-1', plan: PLAN, orders: [ORDER], lock }
  await ledger.planned({ ...plan, next: 'awaiting-approval' })
  await ledger.planned({ ...plan, next: 'awaiting-approval' })
  await ledger.approve('req-1')
  await ledger.approve('req-1')
  await record(ORDER)
  await ledger.settle(settlement('Req-1'))
  await ledger.settle(settlement('Req-1'))

  const changes = await ledger.statusChanges(10)
  assert.deepEqual(
    changes.map(({ id, status }) => `${id} ${status}`),
    ['queued', 'planning', 'awaiting-approval', 'deleting', 'completed'].map(
      (status) => `Req-1 ${status}`,
    ),
  )
  const times = changes.map(({ at }) => at)
  assert.deepEqual(times, times.toSorted())
  assert.ok(times.every((at) => Math.abs(at - Date.now()) < 60_000))
})

test('a request without a callback leaves nothing to tell', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.deleting('R1', [ORDER])
  assert.deepEqual(await bundle.ledger.statusChanges(10), [])
})

test('what is told is taken away, and once more is harmless', async (t) => {
  const { ledger } = openLedger(t, server)
  for (const id of ['a', 'b']) await ledger.accept(submission({ ...CALLED, id }))
  const [first] = await ledger.statusChanges(1)
  assert.ok(first)
  await ledger.statusTold(first)
  await ledger.statusTold(first)
  assert.deepEqual(
    (await ledger.statusChanges(10)).map(({ id }) => id),
    ['b'],
  )
})

test('an entry that this version cannot read stays, and hides no other', async (t) => {
  const { redis, keys, ledger } = openLedger(t, server)
  await redis.rpush(keys.outbox, 'of another kind')
  await ledger.accept(submission(CALLED))
  assert.deepEqual(
    (await ledger.statusChanges(10)).map(({ id }) => id),
    ['Req-1'],
  )
  assert.equal(await redis.llen(keys.outbox), 2)
})
