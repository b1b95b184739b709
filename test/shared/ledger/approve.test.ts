import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startRedis } from '../../helpers/redis.ts'
import {
  type Bundle,
  chunkRef,
  ingestOrder,
  openLedger,
  PLAN,
  planLock,
  receipt,
  settlement,
} from './setup.ts'

const server = await startRedis({ after })
const ORDERS = [ingestOrder('order-a', [chunkRef('R1', 0)])]
const TURNED_DOWN = {
  from: ['awaiting-approval'],
  receipt: receipt('R1', 'cancelled'),
  unsent: ['order-a'],
} as const

async function parked({ ledger, submit, grab }: Bundle) {
  await submit('R1')
  const lock = await grab(planLock('R1'))
  await ledger.beginPlanning({ id: 'R1', lot: 'lot-1', lock })
  const next = 'awaiting-approval'
  await ledger.planned({ id: 'R1', lot: 'lot-1', plan: PLAN, orders: ORDERS, next, lock })
}

test('a parked plan goes ahead, and approving it again says so again', async (t) => {
  const bundle = openLedger(t, server)
  await parked(bundle)
  assert.equal(await bundle.ledger.approve('r1'), 'approved')
  assert.equal((await bundle.ledger.load('R1'))?.status, 'deleting')
  assert.equal(await bundle.ledger.approve('R1'), 'approved')
  assert.deepEqual([...(await bundle.ledger.openChunks('R1'))], [['0.1', 'order-a']])
})

test('only what waits for it can be approved', async (t) => {
  const { ledger, submit, grab } = openLedger(t, server)
  assert.equal(await ledger.approve('R1'), 'unknown')
  await submit('R1')
  assert.equal(await ledger.approve('R1'), 'not-waiting')
  const lock = await grab(planLock('R1'))
  await ledger.beginPlanning({ id: 'R1', lot: 'lot-1', lock })
  assert.equal(await ledger.approve('R1'), 'not-waiting')
  assert.equal((await ledger.load('R1'))?.status, 'planning')
})

test('a plan that was turned down cannot be approved', async (t) => {
  const bundle = openLedger(t, server)
  await parked(bundle)
  assert.equal(await bundle.ledger.settle(settlement('R1', TURNED_DOWN)), 'settled')
  assert.equal(await bundle.ledger.approve('R1'), 'not-waiting')
  assert.equal((await bundle.ledger.load('R1'))?.status, 'cancelled')
})

test('a plan that somebody wants to end is not approved any more', async (t) => {
  const bundle = openLedger(t, server)
  await parked(bundle)
  await bundle.ledger.cancel('R1')
  assert.equal(await bundle.ledger.approve('R1'), 'not-waiting')
  assert.equal((await bundle.ledger.load('R1'))?.status, 'awaiting-approval')
})

test('of approving and turning down at once, one holds', async (t) => {
  for (const approvesFirst of [true, false]) {
    const bundle = openLedger(t, server)
    const { ledger } = bundle
    await parked(bundle)
    const approve = () => ledger.approve('R1')
    const turnDown = () => ledger.settle(settlement('R1', TURNED_DOWN))
    const answers = approvesFirst
      ? await Promise.all([approve(), turnDown()])
      : await Promise.all([turnDown(), approve()])
    assert.deepEqual(answers, approvesFirst ? ['approved', 'not-due'] : ['settled', 'not-waiting'])
    assert.equal((await ledger.openChunks('R1')).size, approvesFirst ? 1 : 0)
    assert.equal((await ledger.ingestOrder('order-a')) === null, !approvesFirst)
  }
})
