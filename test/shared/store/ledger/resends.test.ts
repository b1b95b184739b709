import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { orderFor } from '../../../../src/shared/store/ledger/chunk.ts'
import { startRedis } from '../../../helpers/redis.ts'
import {
  type Bundle,
  chunkOutcome,
  chunkRef,
  ingestOrder,
  openLedger,
  orderLock,
  planLock,
} from './setup.ts'

const server = await startRedis({ after })

const FIRST = chunkRef('R1', 0)
const ORDER = ingestOrder('r1.0.1', [FIRST])

async function record(
  { ledger, grab }: Bundle,
  order: string,
  outcomes: Parameters<Bundle['ledger']['recordOutcome']>[0]['outcomes'],
) {
  const lock = await grab(orderLock(order))
  await ledger.takeOrder(order, lock)
  return ledger.recordOutcome({ order, outcomes, lock })
}

test('rows that go again are open in the same step that ends their chunk', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  await bundle.deleting('R1', [ORDER])
  const again = orderFor([{ ...FIRST, chunk: 7, attempt: 2, count: 4 }], ORDER)
  const result = { ref: FIRST, outcome: chunkOutcome(6), again: [again] }
  const recorded = await record(bundle, ORDER.order, [result])
  assert.deepEqual(recorded, {
    kind: 'ok',
    chunks: [{ ref: FIRST, written: true, last: false, stopped: false, passed: false }],
  })
  assert.deepEqual([...(await ledger.openChunks('R1'))], [['7.2', 'r1.7.2']])
  assert.deepEqual((await ledger.ingestOrder('r1.7.2'))?.order, again)
})

test('the outcome of rows that went again ends the request, and repeats nothing', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.deleting('R1', [ORDER])
  const again = orderFor([{ ...FIRST, attempt: 2 }], ORDER)
  const first = [{ ref: FIRST, outcome: chunkOutcome(0), again: [again] }]
  await record(bundle, ORDER.order, first)
  assert.deepEqual(await record(bundle, ORDER.order, first), { kind: 'gone' })
  const second = await record(bundle, again.order, [
    { ref: { ...FIRST, attempt: 2 }, outcome: chunkOutcome(10) },
  ])
  assert.equal(second.kind === 'ok' && second.chunks[0]?.last, true)
})

test('chunk numbers are given once, after the highest of the plan', async (t) => {
  const { ledger, deleting } = openLedger(t, server)
  await deleting('R1', [ORDER, ingestOrder('r1.2.1', [chunkRef('R1', 2), chunkRef('R1', 4)])])
  assert.equal(await ledger.numberChunks({ id: 'r1', count: 4 }), 5)
  assert.equal(await ledger.numberChunks({ id: 'R1', count: 2 }), 9)
  assert.equal(await ledger.numberChunks({ id: 'nobody', count: 2 }), null)
})

test('whoever records an outcome learns that the request is to end', async (t) => {
  const bundle = openLedger(t, server)
  await bundle.deleting('R1', [ORDER, ingestOrder('r1.1.1', [chunkRef('R1', 1)])])
  await bundle.ledger.cancel('R1', 'cancelled')
  const recorded = await record(bundle, ORDER.order, [{ ref: FIRST, outcome: chunkOutcome(10) }])
  assert.deepEqual(recorded.kind === 'ok' && recorded.chunks[0], {
    ref: FIRST,
    written: true,
    last: false,
    stopped: true,
    passed: false,
  })
})

test('planning that crashes is counted, and begins at nothing once it is handed back', async (t) => {
  const { ledger, submit, grab } = openLedger(t, server)
  await submit('R1')
  const begin = async (worker: string) => {
    const lock = await grab(planLock('R1', worker))
    return { lock, begun: await ledger.beginPlanning({ id: 'R1', lot: `p-${worker}`, lock }) }
  }
  assert.deepEqual((await begin('w1')).begun, { kind: 'begun', crashes: 0, guards: null })
  const second = await begin('w2')
  assert.deepEqual(second.begun, { kind: 'begun', crashes: 1, guards: null })
  await ledger.handBackPlanning({ id: 'R1', lock: planLock('R1', 'somebody else') })
  assert.deepEqual((await begin('w3')).begun, { kind: 'begun', crashes: 2, guards: null })
  await ledger.handBackPlanning({ id: 'R1', lock: planLock('R1', 'w3') })
  assert.deepEqual((await begin('w4')).begun, { kind: 'begun', crashes: 0, guards: null })
})
