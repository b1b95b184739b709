import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import type { JobInsert } from '../../../../src/shared/store/intake/accept.ts'
import { createStaging } from '../../../../src/shared/store/staging/staging.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { openLedger, receipt, settlement, submission } from '../ledger/setup.ts'

const server = await startRedis({ after })

test('a new request is queued, live and listed', async (t) => {
  const { ledger } = openLedger(t, server)
  const staged = { lot: 'upload-1', inRecord: false, bytes: 42, sha256: 'c'.repeat(64) }
  const entry = { ...submission({ id: 'Gdpr-1' }, 5_000), staged }
  assert.equal(await ledger.accept(entry), 'accepted')

  const record = await ledger.load('Gdpr-1')
  assert.deepEqual(record, {
    request: entry.request,
    bodyHash: entry.bodyHash,
    status: 'queued',
    submittedAt: 5_000,
    submittedBy: null,
    approvedBy: null,
    cancelledBy: null,
    prioritizedBy: null,
    limits: null,
    guards: null,
    staged,
    content: null,
    lot: null,
    plan: null,
    ...{ objectRecords: null, preflight: null, kept: null, appliedAs: null, takes: null },
    invalid: null,
    plannedAt: null,
    canary: 0,
    refusal: null,
    brake: null,
    receipt: null,
  })
  assert.deepEqual((await ledger.list({ offset: 0, count: 10 })).records, [record])
  assert.deepEqual(await ledger.liveIds(), ['gdpr-1'])
})

test('a request that comes to be refused says so from the first', async (t) => {
  const { ledger } = openLedger(t, server)
  const refusal = { code: 'INVALID_REQUEST', message: 'object: expected a string' }
  assert.equal(await ledger.accept({ ...submission({ id: 'r' }), refusal }), 'accepted')
  assert.deepEqual((await ledger.load('r'))?.refusal, refusal)
})

test('the same request again is the existing one and changes nothing', async (t) => {
  const { ledger } = openLedger(t, server)
  await ledger.accept(submission({ id: 'r' }, 1_000))
  const before = await ledger.load('r')
  assert.equal(await ledger.accept(submission({ id: 'r' }, 9_000)), 'existing')
  assert.deepEqual(await ledger.load('r'), before)
})

test('a submission that is said again keeps what it staged', async (t) => {
  const { ledger } = openLedger(t, server)
  const entry = submission({ id: 'r' })
  const staged = { lot: 'upload-1', inRecord: false, bytes: 42, sha256: 'c'.repeat(64) }
  assert.equal(await ledger.accept({ ...entry, staged }), 'accepted')
  assert.equal(await ledger.accept({ ...entry, staged, submittedAt: 2_000 }), 'accepted')
  assert.equal(
    await ledger.accept({ ...entry, staged: { ...staged, lot: 'upload-2' } }),
    'existing',
  )
  const record = await ledger.load('r')
  assert.deepEqual(record?.staged, staged)
  assert.equal(record?.submittedAt, 1_000)
})

test('a short list is entered with its request, stays out of what is read of it, and goes with the end', async (t) => {
  const { ledger, keys, connection } = openLedger(t, server)
  const staged = { lot: 'u-1', inRecord: true, bytes: 42, sha256: 'c'.repeat(64) }
  const entry = { ...submission({ id: 'R' }, 5_000), staged, frame: Buffer.from([0, 255, 10]) }
  assert.equal(await ledger.accept(entry), 'accepted')
  assert.deepEqual(await ledger.frame('r'), entry.frame)
  assert.deepEqual((await ledger.load('R'))?.staged, staged)
  assert.deepEqual(await createStaging(connection, keys, Date.now).lots(), [])

  const other = Buffer.from('other')
  assert.equal(await ledger.accept(entry), 'accepted')
  const again = { ...entry, staged: { ...staged, lot: 'u-2' }, frame: other }
  assert.equal(await ledger.accept(again), 'existing')
  assert.equal(await ledger.accept({ ...again, bodyHash: 'd'.repeat(64) }), 'conflict')
  assert.deepEqual(await ledger.frame('R'), entry.frame)

  await ledger.settle(settlement('R', { from: ['queued'], receipt: receipt('R', 'refused') }))
  assert.equal(await ledger.frame('R'), null)
  assert.equal(await ledger.accept(again), 'existing')
  assert.equal(await ledger.frame('R'), null)
})

describe('an order that goes with its request', () => {
  /** An order like BullMQ's, by its script: it fails where the list of orders is none. */
  const order = (job: string): JobInsert => ({
    lua: "redis.call('RPUSH', KEYS[1], ARGV[1])\nreturn ARGV[1]",
    keys: ['{q}:orders'],
    args: [job],
  })

  const openOrders = (t: TestContext) => {
    const bundle = openLedger(t, server)
    const key = `${bundle.keys.prefix}:orders`
    return {
      ...bundle,
      orders: () => bundle.redis.lrange(key, 0, -1),
      breakOrders: () => bundle.redis.set(key, 'no list'),
      accept: (id: string, by = order(`p-${id}`)) =>
        bundle.ledger.accept(submission({ id }), { ...by, keys: [key] }),
    }
  }

  test('is given once, by the request that is entered', async (t) => {
    const { ledger, accept, orders } = openOrders(t)
    const answers = await Promise.all([
      ...[accept('a'), accept('b'), ledger.accept(submission({ id: 'c' }))],
      ...[accept('a'), ledger.accept(submission({ id: 'b', object: 'Lead' })), accept('d')],
    ])
    const told = ['ordered', 'ordered', 'accepted', 'existing', 'conflict', 'ordered']
    assert.deepEqual(answers, told)
    assert.deepEqual(await orders(), ['p-a', 'p-b', 'p-d'])
    assert.deepEqual(await ledger.liveIds(), ['a', 'b', 'c', 'd'])
  })

  test('that fails leaves its request accepted, to be ordered by itself', async (t) => {
    const { ledger, accept, breakOrders } = openOrders(t)
    await breakOrders()
    assert.deepEqual(await Promise.all([accept('a'), accept('b')]), ['accepted', 'accepted'])
    assert.deepEqual(await ledger.liveIds(), ['a', 'b'])
    assert.equal((await ledger.list({ offset: 0, count: 10 })).records.length, 2)
  })

  test('that is refused in BullMQ’s own way counts as not given', async (t) => {
    const { accept } = openOrders(t)
    assert.equal(await accept('a', { ...order('p-a'), lua: 'return -5' }), 'accepted')
  })
})

test('of many that come at once each has its own answer', async (t) => {
  const { ledger, redis, keys } = openLedger(t, server)
  await redis.set(keys.request('broken'), 'no hash')
  const ids = [...Array.from({ length: 40 }, (_, at) => `r${at}`), 'broken', 'r3']
  const entries = ids.map((id) => ledger.accept(submission({ id })))
  const other = ledger.accept(submission({ id: 'r7', object: 'Lead' }))
  const answers = await Promise.allSettled([...entries, other])
  const told = answers.map((answer) =>
    answer.status === 'fulfilled' ? answer.value : String(answer.reason),
  )
  assert.deepEqual(new Set(told.slice(0, 40)), new Set(['accepted']))
  assert.match(told[40] ?? '', /got .*WRONGTYPE/)
  assert.deepEqual(told.slice(41), ['existing', 'conflict'])
  assert.equal((await ledger.list({ offset: 0, count: 100 })).records.length, 40)
  assert.equal((await ledger.liveIds()).length, 40)
})

test('another body under a taken id is a conflict and changes nothing', async (t) => {
  const { ledger } = openLedger(t, server)
  await ledger.accept(submission({ id: 'r' }))
  const before = await ledger.load('r')
  assert.equal(await ledger.accept(submission({ id: 'r', object: 'Lead' })), 'conflict')
  assert.deepEqual(await ledger.load('r'), before)
  assert.equal((await ledger.list({ offset: 0, count: 10 })).records.length, 1)
})

test('ids are compared without case and kept as they were written', async (t) => {
  const { ledger } = openLedger(t, server)
  await ledger.accept(submission({ id: 'Gdpr-A' }))
  assert.equal(await ledger.accept(submission({ id: 'gDPR-a' })), 'existing')
  assert.equal(await ledger.accept(submission({ id: 'GDPR-A', object: 'Lead' })), 'conflict')
  assert.equal((await ledger.load('GDPR-a'))?.request.id, 'Gdpr-A')
})

test('of many callers who race with one id, one is accepted', async (t) => {
  const { ledger } = openLedger(t, server)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      ledger.accept(submission({ id: at % 2 === 0 ? 'RACE' : 'race' })),
    ),
  )
  assert.equal(answers.filter((answer) => answer === 'accepted').length, 1)
  assert.equal(answers.filter((answer) => answer === 'existing').length, 19)
})

test('a request that has ended is still the existing one', async (t) => {
  const { ledger } = openLedger(t, server)
  await ledger.accept(submission({ id: 'r' }))
  await ledger.settle(settlement('r', { from: ['queued'], receipt: receipt('r', 'refused') }))
  assert.equal(await ledger.accept(submission({ id: 'r' })), 'existing')
  assert.equal((await ledger.load('r'))?.status, 'refused')
  assert.deepEqual(await ledger.liveIds(), [])
})

test('the list shows the newest first, by page, without records that are gone', async (t) => {
  const { ledger, redis, keys } = openLedger(t, server)
  for (const [at, id] of ['old', 'middle', 'new'].entries()) {
    await ledger.accept(submission({ id }, 1_000 + at))
  }
  const ids = async (offset: number, count: number) =>
    (await ledger.list({ offset, count })).records.map(({ request }) => request.id)
  assert.deepEqual(await ids(0, 10), ['new', 'middle', 'old'])
  assert.deepEqual(await ids(1, 1), ['middle'])
  assert.deepEqual(await ids(3, 10), [])
  assert.deepEqual(await ids(0, 0), [])
  await redis.del(keys.request('middle'))
  assert.deepEqual(await ids(0, 10), ['new', 'old'])
})

test('an unknown request is null', async (t) => {
  const { ledger } = openLedger(t, server)
  assert.equal(await ledger.load('nobody'), null)
})

test('a record that cannot be read is an error, not a guess', async (t) => {
  const { ledger, redis, keys } = openLedger(t, server)
  await ledger.accept(submission({ id: 'r' }))
  await redis.hset(keys.request('r'), 'status', 'deleted')
  await assert.rejects(ledger.load('r'), { name: 'ZodError' })
})
