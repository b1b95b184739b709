import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startRedis } from '../../../helpers/redis.ts'
import { chunkRef, ingestOrder, openLedger, PLAN, planLock, receipt, settlement } from './setup.ts'

const server = await startRedis({ after })

test('whoever holds the lock begins an attempt under a lot of its own', async (t) => {
  const { ledger, submit, grab } = openLedger(t, server)
  await submit('R1')
  const lock = await grab(planLock('R1'))
  assert.equal((await ledger.beginPlanning({ id: 'r1', lot: 'lot-1', lock })).kind, 'begun')
  const record = await ledger.load('R1')
  assert.equal(record?.status, 'planning')
  assert.equal(record?.lot, 'lot-1')
})

test('a worker without the lock is lost and writes nothing', async (t) => {
  const { ledger, submit, grab, expire } = openLedger(t, server)
  await submit('R1')
  const zombie = planLock('R1', 'zombie')
  const lot = 'lot-z'
  assert.deepEqual(await ledger.beginPlanning({ id: 'R1', lot, lock: zombie }), { kind: 'lost' })
  const owner = await grab(planLock('R1', 'owner'))
  assert.deepEqual(await ledger.beginPlanning({ id: 'R1', lot, lock: zombie }), { kind: 'lost' })
  await expire(owner)
  assert.deepEqual(await ledger.beginPlanning({ id: 'R1', lot, lock: owner }), { kind: 'lost' })
  assert.equal((await ledger.load('R1'))?.status, 'queued')
  assert.equal((await ledger.load('R1'))?.lot, null)
})

test('a second attempt takes over, and the plan of the first is stale', async (t) => {
  const { ledger, submit, grab } = openLedger(t, server)
  await submit('R1')
  const first = await grab(planLock('R1', 'first'))
  await ledger.beginPlanning({ id: 'R1', lot: 'lot-1', lock: first })
  const second = await grab(planLock('R1', 'second'))
  assert.equal((await ledger.beginPlanning({ id: 'R1', lot: 'lot-2', lock: second })).kind, 'begun')
  assert.equal((await ledger.load('R1'))?.lot, 'lot-2')

  const entry = {
    id: 'R1',
    plan: PLAN,
    orders: [ingestOrder('o', [chunkRef('R1', 0)])],
    next: 'deleting',
  } as const
  assert.equal(await ledger.planned({ ...entry, lot: 'lot-1', lock: first }), 'stale')
  assert.equal((await ledger.openChunks('R1')).size, 0)
  assert.equal(await ledger.planned({ ...entry, lot: 'lot-2', lock: second }), 'ok')
})

test('a plan that is made, waits or has ended is not due again', async (t) => {
  const { ledger, submit, grab } = openLedger(t, server)
  for (const next of ['deleting', 'awaiting-approval'] as const) {
    await submit(next)
    const lock = await grab(planLock(next))
    await ledger.beginPlanning({ id: next, lot: 'lot-1', lock })
    const orders = [ingestOrder(`o-${next}`, [chunkRef(next, 0)])]
    await ledger.planned({ id: next, lot: 'lot-1', plan: PLAN, orders, next, lock })
    const before = await ledger.load(next)
    assert.deepEqual(await ledger.beginPlanning({ id: next, lot: 'lot-2', lock }), {
      kind: 'not-due',
    })
    assert.deepEqual(await ledger.load(next), before)
  }
  await submit('ended')
  const lock = await grab(planLock('ended'))
  await ledger.settle(
    settlement('ended', { from: ['queued'], receipt: receipt('ended', 'cancelled') }),
  )
  assert.deepEqual(await ledger.beginPlanning({ id: 'ended', lot: 'lot-1', lock }), {
    kind: 'not-due',
  })
  assert.deepEqual(await ledger.beginPlanning({ id: 'nobody', lot: 'x', lock }), {
    kind: 'not-due',
  })
  assert.equal(await ledger.load('nobody'), null)
})
