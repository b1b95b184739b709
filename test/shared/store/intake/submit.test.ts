import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { parseRequest } from '../../../../src/shared/contract/request.ts'
import { submit } from '../../../../src/shared/store/intake/submit.ts'
import { ConflictError } from '../../../../src/shared/store/intake/taken.ts'
import { openOrgStore } from '../../../../src/shared/store/org-store.ts'
import { connectRedis } from '../../../../src/shared/store/redis/redis.ts'
import { listen } from '../../../helpers/effects.ts'
import { ids18 } from '../../../helpers/ids.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { inReverse } from '../../../helpers/scope.ts'
import { stagedBytes } from '../../../helpers/staged-bytes.ts'

const scope = inReverse(after)
const redis = await startRedis(scope)
const connection = connectRedis({ kind: 'url', url: redis.url }, 'fail-fast', () => {})
scope.after(async () => connection.disconnect())

function ownStore() {
  const store = openOrgStore(connection, `submit-${randomUUID()}`, () => {})
  scope.after(() => store.close())
  return store
}

const request = (ids: readonly string[], id = 'R1') =>
  parseRequest({ id, object: 'Contact', source: { type: 'ids', ids } }, 0)

describe('submitting', () => {
  test('stages the ids, enters the request and orders its plan', async () => {
    const store = ownStore()
    const ids = ids18(3)
    const { record, created } = await submit(store, request(ids), 1234)
    assert.equal(created, true)
    assert.equal(record.submittedAt, 1234)
    assert.equal(record.status, 'queued')
    assert.equal(await stagedBytes(store, 'R1'), `Id\n${ids.join('\n')}\n`)
    const [job, ...others] = await (await store.queues()).requests.getJobs([
      'prioritized',
      'waiting',
    ])
    assert.deepEqual(others, [])
    assert.equal(job?.id, 'p-r1')
    assert.deepEqual(job?.data, { v: 1, step: 'plan', id: 'R1' })
  })

  test('with a short list is one step of Redis, with a deadline three', async (t) => {
    const store = ownStore()
    await (await store.queues()).requests.waitUntilReady()
    const heard = listen(t)
    await submit(store, request(ids18(3)), 0)
    assert.deepEqual(heard.splice(0), ['before redis:accept', 'after redis:accept'])
    const later = { ...request(ids18(3), 'R2'), deadline: '2100-01-01T00:00:00Z' }
    await submit(store, later, 0)
    const steps = heard.filter((step) => step.startsWith('before'))
    assert.deepEqual(steps, ['before redis:accept', 'before order:settle', 'before order:plan'])
    const counts = await (await store.queues()).requests.getJobCounts('prioritized', 'delayed')
    assert.deepEqual(counts, { prioritized: 2, delayed: 1 })
  })

  test('a list that is larger than a frame is staged whole, and dropped where it is not needed', async () => {
    const store = ownStore()
    const ids = Array.from({ length: 10_000 }, (_, at) => `${at}`.padEnd(255, 'x'))
    const { record } = await submit(store, request(ids), 0)
    const { staged } = record
    assert.ok(staged)
    const frames = await Array.fromAsync(store.staging.read({ request: 'R1', lot: staged.lot }, 0))
    assert.equal(frames.length, 3)
    assert.equal(Buffer.concat(frames).toString(), `Id\n${ids.join('\n')}\n`)
    assert.equal((await submit(store, request(ids), 1)).created, false)
    assert.equal((await store.staging.lots()).length, 1)
  })

  test('a short list is part of the record, and nothing lies beside it', async () => {
    const store = ownStore()
    await submit(store, request(ids18(1_000)), 0)
    assert.equal((await store.ledger.load('R1'))?.staged?.inRecord, true)
    assert.deepEqual(await store.staging.lots(), [])
    assert.deepEqual(await connection.keys(`${store.ledger.keys.prefix}:frames:*`), [])
  })

  test('no id is in any job, nor anywhere but in the frame', async () => {
    const store = ownStore()
    const [id = ''] = ids18(1, 77)
    await submit(store, request([id]), 0)
    const { prefix } = store.ledger.keys
    await connection.hdel(store.ledger.keys.request('R1'), 'frame')
    for (const key of await connection.keys(`${prefix}:*`)) {
      const dump = await connection.dumpBuffer(key)
      assert.equal(dump?.includes(id.slice(0, 15)), false, key)
    }
  })

  test('of a file whose first reply was lost is one submission, and its own', async () => {
    const store = ownStore()
    const source = { type: 'file', path: 'ids.csv' }
    const file = parseRequest({ id: 'R1', object: 'Contact', source }, 0)
    // As ioredis repeats a call.
    const enter: typeof store.enter = async (submission) => {
      await store.enter(submission)
      return store.enter(submission)
    }
    const repeated = await submit({ ...store, enter }, file, 0)
    assert.equal(repeated.created, true)
    assert.equal((await submit(store, file, 0)).created, false)
  })

  test('that its door brings again keeps the first list, and drops the second', async () => {
    const store = ownStore()
    const ids = Array.from({ length: 10_000 }, (_, at) => `${at}`.padEnd(255, 'x'))
    const again = () => submit(store, request(ids), 0, undefined, { entry: 'job-1' })
    const { record } = await again()
    const { record: same, created } = await again()
    assert.equal(created, true)
    assert.equal(same.staged?.lot, record.staged?.lot)
    const lots = await store.staging.lots()
    assert.deepEqual(
      lots.map(({ lot }) => lot),
      [record.staged?.lot],
    )
  })

  test('again, or under a taken id, leaves nothing staged but the first', async () => {
    const store = ownStore()
    await submit(store, request(ids18(3)), 0)
    const before = await stagedBytes(store, 'R1')
    assert.equal((await submit(store, request(ids18(3)), 1)).created, false)
    await assert.rejects(submit(store, request(ids18(4)), 2), ConflictError)
    await assert.rejects(submit(store, request(ids18(4), 'r1'), 2), /R1|r1/)
    assert.equal(await stagedBytes(store, 'R1'), before)
    assert.deepEqual(await store.staging.lots(), [])
    assert.equal(await (await store.queues()).requests.getPrioritizedCount(), 1)
  })
})
