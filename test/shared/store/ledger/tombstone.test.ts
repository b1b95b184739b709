import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startRedis } from '../../../helpers/redis.ts'
import { type Bundle, openLedger, receipt, settlement, submission } from './setup.ts'

const server = await startRedis({ after })

/** What time does to a record whose retention has ended. */
const expire = ({ redis, keys }: Bundle, id: string) => redis.del(keys.request(id))

async function ended(bundle: Bundle, fields: Parameters<typeof settlement>[1] = {}): Promise<void> {
  await bundle.submit('R1')
  await bundle.ledger.settle(
    settlement('R1', { from: ['queued'], receipt: receipt('R1', 'refused'), ...fields }),
  )
}

test('an id is never run again, whatever comes under it', async (t) => {
  const bundle = openLedger(t, server)
  await ended(bundle)
  assert.equal(await bundle.ledger.accept(submission({ id: 'r1' })), 'existing')
  await expire(bundle, 'R1')
  for (const fields of [{ id: 'R1' }, { id: 'r1' }, { id: 'R1', priority: 'high' }]) {
    assert.equal(await bundle.ledger.accept(submission(fields)), 'gone')
  }
  assert.equal(await bundle.ledger.load('R1'), null)
  assert.deepEqual(await bundle.ledger.liveIds(), [])
  assert.equal(await bundle.ledger.accept(submission({ id: 'R2' })), 'accepted')
})

test('of several that come at once each is told its own', async (t) => {
  const bundle = openLedger(t, server)
  await ended(bundle)
  await expire(bundle, 'R1')
  const ids = ['R2', 'R1', 'R3', 'r1']
  assert.deepEqual(await Promise.all(ids.map((id) => bundle.ledger.accept(submission({ id })))), [
    'accepted',
    'gone',
    'accepted',
    'gone',
  ])
})

test('what is left says how it ended, when, and with what content', async (t) => {
  const bundle = openLedger(t, server)
  assert.equal(await bundle.ledger.tombstone('R1'), null)
  await ended(bundle)
  const { bodyHash } = submission({ id: 'R1' })
  const left = await bundle.ledger.tombstone('r1')
  const [seconds] = await bundle.redis.time()
  assert.ok(left && Math.abs(left.finishedAt / 1000 - Number(seconds)) < 60)
  assert.deepEqual(left, { status: 'refused', finishedAt: left.finishedAt, bodyHash, sha256: null })
})

test('of a file it knows the bytes that were planned, or else those that were meant', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  const [meant, planned] = ['c'.repeat(64), 'd'.repeat(64)]
  const source = { type: 'file', path: '/ids.csv', sha256: meant }
  for (const id of ['unread', 'read']) await ledger.accept(submission({ id, source }))
  const lock = await bundle.planning('read', 'lot-2')
  const found = { bytes: 9, sha256: planned }
  await ledger.pinSource({ id: 'read', lot: 'lot-2', note: 'content', found })
  assert.ok(lock)
  for (const id of ['unread', 'read']) {
    const end = { from: ['queued', 'planning'], receipt: receipt(id, 'failed') } as const
    await ledger.settle(settlement(id, end))
  }
  assert.equal((await ledger.tombstone('unread'))?.sha256, meant)
  assert.equal((await ledger.tombstone('read'))?.sha256, planned)
})

test('it outlives the record, and then the id is free', async (t) => {
  const bundle = openLedger(t, server)
  const { redis, keys, ledger } = bundle
  await ended(bundle, { retentionSeconds: 100, idempotencySeconds: 1000 })
  const record = await redis.ttl(keys.request('R1'))
  const left = await redis.ttl(keys.tombstone('R1'))
  assert.ok(record > 90 && record <= 100, String(record))
  assert.ok(left > 1090 && left <= 1100, String(left))
  await redis.del(keys.request('R1'), keys.tombstone('R1'))
  assert.equal(await ledger.accept(submission({ id: 'R1' })), 'accepted')
})

test('a damaged record does not keep its request from ending', async (t) => {
  const bundle = openLedger(t, server)
  const { redis, keys, ledger } = bundle
  await bundle.submit('R1')
  await redis.hset(keys.request('R1'), 'request', '{"source":')
  const end = { from: ['queued'], receipt: receipt('R1', 'failed') } as const
  assert.equal(await ledger.settle(settlement('R1', end)), 'settled')
  assert.equal((await ledger.tombstone('R1'))?.status, 'failed')
})
