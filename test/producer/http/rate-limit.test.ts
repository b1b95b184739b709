import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { createAddressLimiter, createRateLimiter } from '../../../src/producer/http/rate-limit.ts'
import { systemClock } from '../../../src/shared/base/clock.ts'
import { connectRedis } from '../../../src/shared/store/redis/redis.ts'
import { startRedis } from '../../helpers/redis.ts'

const server = await startRedis({ after })
let keys = 0

function setup(t: TestContext, url = server.url) {
  const connect = () => {
    const redis = connectRedis({ kind: 'url', url }, 'fail-fast', () => {})
    t.after(() => redis.disconnect())
    return redis
  }
  const redis = connect()
  const name = `key-${process.pid}-${keys++}`
  const limiters = [createRateLimiter(redis), createRateLimiter(connect())] as const
  const stored = `{expunge:http}:rate:${name}`
  return {
    redis,
    stored,
    /** A call at one of two producers. */
    call: (producer: 0 | 1, requestsPerMinute: number) =>
      limiters[producer]({ name, requestsPerMinute }),
    /** As if the last call had been so much earlier. */
    pass: async (seconds: number) => {
      const full = Number(await redis.get(stored))
      await redis.set(stored, String(full - seconds * 1_000_000), 'KEEPTTL')
    },
  }
}

test('two producers admit exactly as many calls as a minute has, however they come', async (t) => {
  const { call } = setup(t)
  const calls = Array.from({ length: 60 }, (_, n) => call(n % 2 === 0 ? 0 : 1, 5))
  const admitted = (await Promise.all(calls)).filter((admission) => admission.admitted)
  assert.equal(admitted.length, 5)
})

test('whoever is refused is told when to come again, and is admitted then', async (t) => {
  const { call, pass } = setup(t)
  for (let n = 0; n < 3; n++) assert.deepEqual(await call(0, 3), { admitted: true })
  const refused = await call(1, 3)
  assert.ok(!refused.admitted)
  const { retryAfterSeconds } = refused
  assert.ok(Number.isInteger(retryAfterSeconds) && retryAfterSeconds >= 1, `${retryAfterSeconds}`)
  assert.ok(retryAfterSeconds <= 20, `${retryAfterSeconds}`)
  await pass(retryAfterSeconds)
  assert.deepEqual(await call(1, 3), { admitted: true })
  assert.equal((await call(0, 3)).admitted, false)
})

test('a refusal costs nothing', async (t) => {
  const { call, pass } = setup(t)
  assert.ok((await call(0, 1)).admitted)
  for (let n = 0; n < 20; n++) assert.ok(!(await call(0, 1)).admitted)
  await pass(60)
  assert.ok((await call(0, 1)).admitted)
})

test('after a quiet minute there is one minute of calls again, not more', async (t) => {
  const { call, pass } = setup(t)
  for (let n = 0; n < 4; n++) assert.ok((await call(0, 4)).admitted)
  await pass(600)
  for (let n = 0; n < 4; n++) assert.ok((await call(1, 4)).admitted)
  assert.ok(!(await call(1, 4)).admitted)
})

test('every rate admits a whole minute at once', async (t) => {
  for (const rate of [1, 2, 7, 59, 600]) {
    const { call } = setup(t)
    const all = await Promise.all(Array.from({ length: rate }, () => call(0, rate)))
    assert.ok(
      all.every(({ admitted }) => admitted),
      `${rate}`,
    )
  }
})

test('keys are counted each for itself', async (t) => {
  const [one, another] = [setup(t), setup(t)]
  assert.ok((await one.call(0, 1)).admitted)
  assert.ok((await another.call(0, 1)).admitted)
  assert.ok(!(await one.call(0, 1)).admitted)
})

test('what is counted is forgotten within a minute of the last call', async (t) => {
  const { call, redis, stored } = setup(t)
  for (let n = 0; n < 10; n++) await call(0, 10)
  const ttl = await redis.pttl(stored)
  assert.ok(ttl > 0 && ttl <= 60_001, `${ttl}`)
})

test('without Redis nobody is admitted: the caller is told that it is away', async (t) => {
  const own = await startRedis(t, {})
  const { call } = setup(t, own.url)
  assert.ok((await call(0, 1)).admitted)
  await own.kill()
  await assert.rejects(call(0, 1), { code: 'REDIS_AWAY', retryable: true })
})

/** Calls without a valid key, counted by address. */
function setupAddresses() {
  let now = 1_000_000
  const count = createAddressLimiter({ ...systemClock, now: () => now })
  return {
    count,
    /** Until the address has no more. */
    spend: (address: string) => {
      for (let n = 0; n < 60; n++) assert.equal(count(address), 0, `${address}, call ${n}`)
      assert.notEqual(count(address), 0)
    },
    pass: (seconds: number) => {
      now += seconds * 1000
    },
  }
}

test('an address fails sixty times, is told when it may again, and then may once', () => {
  const { count, spend, pass } = setupAddresses()
  spend('192.0.2.1')
  assert.equal(count('192.0.2.1'), 1)
  pass(1)
  assert.equal(count('192.0.2.1'), 0)
  assert.equal(count('192.0.2.1'), 1)
  pass(60)
  spend('192.0.2.1')
})

test('an IPv6 network of 64 bits is one, and IPv4 in IPv6 is itself', () => {
  const { count, spend } = setupAddresses()
  spend('2001:db8:1:2::1')
  assert.notEqual(count('2001:db8:1:2:ffff::9'), 0)
  assert.equal(count('2001:db8:1:3::1'), 0)
  spend('::ffff:192.0.2.9')
  assert.notEqual(count('192.0.2.9'), 0)
  assert.equal(count('192.0.2.10'), 0)
})

test('ten thousand addresses are remembered, those that failed last', () => {
  const { count, spend } = setupAddresses()
  spend('192.0.2.1')
  spend('192.0.2.2')
  for (let n = 0; n < 9_999; n++) count(`10.0.${n >> 8}.${n & 255}`)
  assert.equal(count('192.0.2.1'), 0, 'forgotten')
  spend('192.0.2.3')
  for (let n = 0; n < 5_000; n++) count(`10.1.${n >> 8}.${n & 255}`)
  assert.notEqual(count('192.0.2.3'), 0)
})
