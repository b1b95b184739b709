import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createLogger } from '../../../src/shared/base/logger.ts'
import { connectRedis } from '../../../src/shared/store/redis/redis.ts'
import { NoMemoryError, waitsForMemory } from '../../../src/worker/plan/memory.ts'
import { startRedis } from '../../helpers/redis.ts'
import { inReverse } from '../../helpers/scope.ts'

const MIB = 2 ** 20

const scope = inReverse(after)
const server = await startRedis(scope, {})
const redis = connectRedis({ kind: 'url', url: server.url }, 'fail-fast', () => {})
scope.after(async () => redis.disconnect())

/** The gate, and what happens each time that it waits. */
function gate(onWait: (waits: number) => unknown) {
  let waits = 0
  const clock = {
    now: Date.now,
    sleep: async () => {
      await onWait(++waits)
    },
  }
  const { signal } = new AbortController()
  return waitsForMemory(redis, { log: createLogger({ level: 'silent' }), clock, signal })
}

/** An empty server uses more than this. */
const fill = () => redis.config('SET', 'maxmemory', MIB)
const makeRoom = () => redis.config('SET', 'maxmemory', 100 * MIB)
const never = () => assert.fail('it waited')

test('with room enough nothing waits', async () => {
  await makeRoom()
  await gate(never)(0)
  await gate(never)(30 * MIB)
})

test('a plan that holds nothing yet waits until there is room', async () => {
  await fill()
  let waited = 0
  await gate(async (waits) => {
    waited = waits
    if (waits === 500) await makeRoom()
  })(0)
  assert.equal(waited, 500)
})

test('a plan that holds ids itself waits a while', async () => {
  await fill()
  let waited = 0
  await gate(async (waits) => {
    waited = waits
    if (waits === 50) await makeRoom()
  })(15 * 1000)
  assert.equal(waited, 50)
})

test('a plan that holds ids itself gives way after that: others may wait for its room', async () => {
  await fill()
  let waited = 0
  const waiting = gate((waits) => {
    waited = waits
  })(15 * 1000)
  await assert.rejects(waiting, (error) => error instanceof NoMemoryError && error.retryable)
  assert.ok(waited >= 60 && waited <= 120, `${waited}`)
})

test('a plan that would not fit alone is refused', async () => {
  await fill()
  const waiting = gate(never)(90 * MIB)
  await assert.rejects(waiting, { name: 'RefusedError', code: 'STAGING_TOO_LARGE' })
})
