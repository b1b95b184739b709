import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startRedis } from '../../helpers/redis.ts'
import { openLedger, receipt, settlement } from './setup.ts'

const server = await startRedis({ after })

test('the flag is raised, whatever the case of the id, and may be raised again', async (t) => {
  const { ledger, submit } = openLedger(t, server)
  await submit('Req')
  assert.equal(await ledger.isCancelled('Req'), false)
  await ledger.cancel('REQ')
  await ledger.cancel('req')
  assert.equal(await ledger.isCancelled('rEQ'), true)
  assert.equal((await ledger.load('Req'))?.status, 'queued')
})

test('settling lowers the flag, and after it none is left behind', async (t) => {
  const { ledger, submit } = openLedger(t, server)
  await submit('Req')
  await ledger.cancel('Req')
  const end = { from: ['queued'], receipt: receipt('Req', 'cancelled') } as const
  await ledger.settle(settlement('Req', end))
  assert.equal(await ledger.isCancelled('Req'), false)
  await ledger.cancel('Req')
  assert.equal(await ledger.isCancelled('Req'), false)
})

test('a request that nobody knows gets no flag', async (t) => {
  const { ledger } = openLedger(t, server)
  await ledger.cancel('nobody')
  assert.equal(await ledger.isCancelled('nobody'), false)
})
