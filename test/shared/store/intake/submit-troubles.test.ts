import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type DeletionRequest, parseRequest } from '../../../../src/shared/contract/request.ts'
import { submit } from '../../../../src/shared/store/intake/submit.ts'
import { openOrgStore } from '../../../../src/shared/store/org-store.ts'
import { connectRedis, RedisUnavailableError } from '../../../../src/shared/store/redis/redis.ts'
import { ids18 } from '../../../helpers/ids.ts'
import { startRedis } from '../../../helpers/redis.ts'
import { inReverse } from '../../../helpers/scope.ts'
import { stagedBytes } from '../../../helpers/staged-bytes.ts'

/** What is left of a submission that fails on the way. */

/** @param onOutage `wait` where a machine at its limit, on which calls take seconds, is no part of the test */
async function ownStore(t: TestContext, onOutage: 'fail-fast' | 'wait' = 'fail-fast') {
  const scope = inReverse((close) => t.after(close))
  const { url } = await startRedis(scope, {})
  const redis = connectRedis({ kind: 'url', url }, onOutage, () => {})
  scope.after(async () => redis.disconnect())
  const store = openOrgStore(redis, 'default', () => {})
  scope.after(() => store.close())
  const fill = () => redis.config('SET', 'maxmemory', 1)
  const makeRoom = () => redis.config('SET', 'maxmemory', 0)
  return { redis, store, fill, makeRoom }
}

const uploading = (id: string): DeletionRequest =>
  parseRequest({ id, object: 'Contact', source: { type: 'upload' } }, 0)

/** Megabytes that do not compress, so that each makes a frame; then what the test does. */
async function* megabytes(count: number, then: () => unknown = () => {}) {
  yield Buffer.from('Id\n')
  for (let k = 0; k < count; k++) {
    yield crypto.getRandomValues(new Uint8Array(65_536 * 16).subarray(0, 65_536))
    for (let part = 1; part < 16; part++) yield crypto.getRandomValues(new Uint8Array(65_536))
  }
  await then()
  yield Buffer.alloc(2_000_000)
}

const refusedWith = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RedisUnavailableError, String(error))
  assert.equal(error.code, code)
  assert.match(error.message, message)
  return true
}

describe('a submission', { concurrency: true }, () => {
  test('whose upload breaks off leaves no frame behind', async (t) => {
    const { store } = await ownStore(t, 'wait')
    const gone = () => {
      throw new Error('the caller went away')
    }
    await assert.rejects(submit(store, uploading('R1'), 0, megabytes(3, gone)), /went away/)
    assert.equal(await store.ledger.load('R1'), null)
    assert.deepEqual(await store.staging.lots(), [])
  })

  test('that fills Redis leaves no frame behind, and works once there is room', async (t) => {
    const { store, fill, makeRoom } = await ownStore(t)
    const filling = submit(store, uploading('R1'), 0, megabytes(3, fill))
    await assert.rejects(filling, refusedWith('REDIS_FULL', /Raise maxmemory/))
    assert.equal(await store.ledger.load('R1'), null)
    assert.deepEqual(await store.staging.lots(), [])
    await makeRoom()
    assert.equal((await submit(store, uploading('R1'), 0, megabytes(1))).created, true)
  })

  test('of an upload that would leave plans no room is refused, a small one is not', async (t) => {
    const { redis, store } = await ownStore(t, 'wait')
    const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])
    await redis.config('SET', 'maxmemory', used * 2 + 4_000_000)
    const large = submit(store, uploading('large'), 0, megabytes(8))
    await assert.rejects(large, refusedWith('REDIS_FULL', /35 %.*Nothing was accepted/))
    assert.deepEqual(await store.staging.lots(), [])
    const source = { type: 'ids', ids: ids18(10_000) }
    const small = parseRequest({ id: 'small', object: 'Contact', source }, 0)
    assert.equal((await submit(store, small, 0)).created, true)
  })

  test('that the ledger refuses leaves no frame behind', async (t) => {
    const { store, fill, makeRoom } = await ownStore(t)
    const enter: typeof store.enter = async (submission) => {
      await fill()
      return store.enter(submission)
    }
    const full = { ...store, enter }
    const refused = submit(full, uploading('R1'), 0, megabytes(1))
    await assert.rejects(refused, refusedWith('REDIS_FULL', /Nothing was accepted/))
    assert.deepEqual(await store.staging.lots(), [])
    assert.deepEqual(await store.ledger.liveIds(), [])
    await makeRoom()
  })

  test('whose answer is lost may be accepted: its ids stay, and it is told how to find out', async (t) => {
    const { store } = await ownStore(t)
    const enter: typeof store.enter = async (submission) => {
      await store.enter(submission)
      throw new Error('Command timed out')
    }
    const flaky = { ...store, enter }
    const source = { type: 'ids', ids: ids18(3) }
    const request = parseRequest({ id: 'R1', object: 'Contact', source }, 0)
    const lost = submit(flaky, request, 0)
    await assert.rejects(lost, refusedWith('REDIS_AWAY', /request R1 was accepted is not known/))
    assert.equal(await stagedBytes(store, 'R1'), `Id\n${source.ids.join('\n')}\n`)
    const again = await submit(store, request, 0)
    assert.equal(again.created, false)
    assert.equal(await (await store.queues()).requests.getPrioritizedCount(), 1)
    assert.deepEqual(await store.staging.lots(), [])
  })
})
