import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startRedis } from '../../../helpers/redis.ts'
import { openLedger, receipt, settlement } from './setup.ts'

const server = await startRedis({ after })

test('the flag is raised, whatever the case of the id, and the first reason stays', async (t) => {
  const { ledger, submit } = openLedger(t, server)
  await submit('Req')
  assert.deepEqual(await ledger.stopReasons(['Req']), [null])
  assert.equal(await ledger.cancel('REQ', 'deadline'), 'cancelling')
  assert.equal(await ledger.cancel('req', 'cancelled'), 'cancelling')
  assert.deepEqual(await ledger.stopReasons(['rEQ']), ['deadline'])
  assert.equal((await ledger.load('Req'))?.status, 'queued')
})

test('settling lowers the flag, and after it none is left behind', async (t) => {
  const { ledger, submit } = openLedger(t, server)
  await submit('Req')
  await ledger.cancel('Req', 'cancelled')
  const end = { from: ['queued'], receipt: receipt('Req', 'cancelled') } as const
  await ledger.settle(settlement('Req', end))
  assert.deepEqual(await ledger.stopReasons(['Req']), [null])
  assert.equal(await ledger.cancel('Req', 'cancelled'), 'over')
  assert.deepEqual(await ledger.stopReasons(['Req']), [null])
})

test('a request that nobody knows gets no flag', async (t) => {
  const { ledger } = openLedger(t, server)
  assert.equal(await ledger.cancel('nobody', 'cancelled'), 'unknown')
  assert.deepEqual(await ledger.stopReasons(['nobody']), [null])
})

test('of many requests each has its own reason, and a newer word means as much', async (t) => {
  const { redis, keys, ledger, submit } = openLedger(t, server)
  for (const id of ['a', 'b', 'c']) await submit(id)
  await ledger.cancel('a', 'cancelled')
  await redis.set(keys.cancel('c'), 'for-a-reason-of-tomorrow')
  assert.deepEqual(await ledger.stopReasons(['a', 'b', 'c']), ['cancelled', null, 'cancelled'])
  assert.deepEqual(await ledger.stopReasons([]), [])
})

test('who cancels stands in the record; where time ran out nobody does', async (t) => {
  const { ledger, submit } = openLedger(t, server)
  for (const id of ['a', 'b']) await submit(id)
  await ledger.cancel('a', 'cancelled', { actor: 'crm', reason: 'Withdrawn.' })
  await ledger.cancel('b', 'deadline')
  await ledger.cancel('b', 'cancelled', { actor: 'crm', reason: null })
  const { cancelledBy } = (await ledger.load('a')) ?? {}
  assert.deepEqual([cancelledBy?.actor, cancelledBy?.reason], ['crm', 'Withdrawn.'])
  assert.equal((await ledger.load('b'))?.cancelledBy, null)
})
