import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createStaging } from '../../../src/shared/staging.ts'
import { startRedis } from '../../helpers/redis.ts'
import { openLedger, receipt, settlement, submission } from './setup.ts'

const server = await startRedis({ after })

test('a new request is queued, live and listed', async (t) => {
  const { ledger } = openLedger(t, server)
  const staged = { lot: 'upload-1', bytes: 42, sha256: 'c'.repeat(64) }
  const entry = { ...submission({ id: 'Gdpr-1' }, 5_000), staged }
  assert.equal(await ledger.accept(entry), 'accepted')

  const record = await ledger.load('Gdpr-1')
  assert.deepEqual(record, {
    request: entry.request,
    bodyHash: entry.bodyHash,
    status: 'queued',
    submittedAt: 5_000,
    submittedBy: null,
    staged,
    lot: null,
    plan: null,
    plannedAt: null,
    canary: false,
    receipt: null,
  })
  assert.deepEqual((await ledger.list({ offset: 0, count: 10 })).records, [record])
  assert.deepEqual(await ledger.liveIds(), ['gdpr-1'])
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
  const staged = { lot: 'upload-1', bytes: 42, sha256: 'c'.repeat(64) }
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

test('a small list is staged by the step that enters its request, and only then', async (t) => {
  const { ledger, redis, keys } = openLedger(t, server)
  const staged = { lot: 'u-1', bytes: 42, sha256: 'c'.repeat(64) }
  const entry = { ...submission({ id: 'R' }, 5_000), staged, frame: Buffer.from([0, 255, 10]) }
  assert.equal(await ledger.accept(entry), 'accepted')
  assert.deepEqual(await redis.lrangeBuffer(keys.frames('r', 'u-1', 0), 0, -1), [entry.frame])
  assert.deepEqual(await createStaging(redis, keys, Date.now).lots(), [
    { request: 'r', lot: 'u-1', first: 0, chunks: 1, touchedAt: 5_000 },
  ])
  assert.equal(await ledger.accept(entry), 'accepted')
  const again = { ...entry, staged: { ...staged, lot: 'u-2' } }
  assert.equal(await ledger.accept(again), 'existing')
  assert.equal(await ledger.accept({ ...again, bodyHash: 'd'.repeat(64) }), 'conflict')
  assert.equal(await redis.llen(keys.frames('r', 'u-1', 0)), 1)
  assert.equal(await redis.exists(keys.frames('r', 'u-2', 0)), 0)
  assert.equal(await redis.hlen(keys.staged), 1)
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
