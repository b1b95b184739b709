import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startRedis } from '../../../helpers/redis.ts'
import { chunkRef, ingestOrder, openLedger, PLAN, receipt, settlement } from './setup.ts'

const server = await startRedis({ after })
const ORDERS = [ingestOrder('order-a', [chunkRef('R1', 0)])]
const TURNED_DOWN = {
  from: ['awaiting-approval'],
  receipt: receipt('R1', 'cancelled'),
  unsent: ['order-a'],
} as const

test('a parked plan goes ahead, and approving it again says so again', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.parked('R1', ORDERS)
  assert.equal(await bundle.ledger.approve('r1'), 'approved')
  assert.equal((await bundle.ledger.load('R1'))?.status, 'deleting')
  assert.equal(await bundle.ledger.approve('R1'), 'approved')
  assert.deepEqual([...(await bundle.ledger.openChunks('R1'))], [['0.1', 'order-a']])
})

test('only what waits for it can be approved', async (t) => {
  const { ledger, submit, planning } = openLedger(t, server)
  assert.equal(await ledger.approve('R1'), 'unknown')
  await submit('R1')
  assert.equal(await ledger.approve('R1'), 'not-waiting')
  await planning('R1')
  assert.equal(await ledger.approve('R1'), 'not-waiting')
  assert.equal((await ledger.load('R1'))?.status, 'planning')
})

test('a plan that was turned down cannot be approved', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.parked('R1', ORDERS)
  assert.equal(await bundle.ledger.settle(settlement('R1', TURNED_DOWN)), 'settled')
  assert.equal(await bundle.ledger.approve('R1'), 'not-waiting')
  assert.equal((await bundle.ledger.load('R1'))?.status, 'cancelled')
})

test('a plan is declined while it awaits approval, and no approval comes after', async (t) => {
  const { ledger, submit, parked } = openLedger(t, server)
  assert.equal(await ledger.decline('R1'), 'unknown')
  await submit('R1')
  assert.equal(await ledger.decline('R1'), 'not-waiting')
  assert.deepEqual(await ledger.stopReasons(['R1']), [null])
  await parked('R1', ORDERS)
  assert.equal(await ledger.decline('r1'), 'declined')
  assert.equal(await ledger.decline('R1'), 'declined')
  assert.equal(await ledger.approve('R1'), 'not-waiting')
})

test('a plan that was approved is not declined any more, and no flag is left', async (t) => {
  const { ledger, parked } = openLedger(t, server)
  await parked('R1', ORDERS)
  await ledger.approve('R1')
  assert.equal(await ledger.decline('R1'), 'not-waiting')
  assert.deepEqual(await ledger.stopReasons(['R1']), [null])
})

test('a plan that somebody wants to end is not approved any more', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.parked('R1', ORDERS)
  await bundle.ledger.cancel('R1', 'cancelled')
  assert.equal(await bundle.ledger.approve('R1'), 'not-waiting')
  assert.equal((await bundle.ledger.load('R1'))?.status, 'awaiting-approval')
})

test('of approving and turning down at once, one holds', async (t) => {
  for (const approvesFirst of [true, false]) {
    const bundle = openLedger(t, server)
    const { ledger } = bundle
    await bundle.parked('R1', ORDERS)
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

test('only the plan that was looked at is approved', async (t) => {
  const { ledger, parked } = openLedger(t, server)
  await parked('R1', ORDERS)
  assert.equal(await ledger.approve('R1', { plan: 'c'.repeat(64) }), 'other-plan')
  assert.equal((await ledger.load('R1'))?.status, 'awaiting-approval')
  assert.equal(await ledger.approve('R1', { plan: PLAN.sha256 }), 'approved')
  assert.equal(await ledger.approve('R1', { plan: 'c'.repeat(64) }), 'other-plan')
})

test('who approved stands in the record, and whoever repeats it does not', async (t) => {
  const { redis, ledger, parked } = openLedger(t, server)
  await parked('R1', ORDERS)
  assert.equal((await ledger.load('R1'))?.approvedBy, null)
  await ledger.approve('R1', { by: { actor: 'crm', reason: 'Looked at "it".' } })
  await ledger.approve('R1', { by: { actor: 'other', reason: null } })
  const { approvedBy } = (await ledger.load('R1')) ?? {}
  const at = approvedBy?.at ?? ''
  assert.deepEqual(approvedBy, { actor: 'crm', at, reason: 'Looked at "it".' })
  const [seconds] = await redis.time()
  assert.ok(Math.abs(Date.parse(at) / 1000 - Number(seconds)) < 60, at)
})

test('who turned a plan down stands in the record', async (t) => {
  const { ledger, parked } = openLedger(t, server)
  await parked('R1', ORDERS)
  await ledger.decline('R1', { actor: 'cli', reason: null })
  await ledger.cancel('R1', 'cancelled', { actor: 'late', reason: null })
  const { cancelledBy } = (await ledger.load('R1')) ?? {}
  assert.deepEqual([cancelledBy?.actor, cancelledBy?.reason], ['cli', null])
})
