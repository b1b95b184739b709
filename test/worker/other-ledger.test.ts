import assert from 'node:assert/strict'
import { test } from 'node:test'
import { to18 } from '../../src/shared/contract/record-id.ts'
import { leapingClock } from '../helpers/clock.ts'
import { deleteIds, outcome, receiptOf, submitIds } from '../helpers/deletion.ts'
import { ids18 } from '../helpers/ids.ts'
import { startRedis } from '../helpers/redis.ts'
import { inReverse } from '../helpers/scope.ts'
import { startWorld } from '../helpers/world.ts'
import { PATH, startApi } from '../producer/http/api.ts'

/** Redis comes back empty under live processes, and somebody else takes the name. */

const OTHER_ORG = to18('00D5f0000000002')

test('a worker whose Redis was emptied and taken by another org deletes nothing more, and stops', async (t) => {
  const scope = inReverse((close) => t.after(close))
  const redis = await startRedis(scope, {})
  const name = 'emea'
  const ours = { maxJobRecords: 5, maxInFlight: 3 }
  const a = await startWorld(scope, { redis, name, clock: leapingClock(), org: ours })
  a.sandbox.faults.add({ on: 'job', action: { do: 'hold' } })
  const worker = await a.startWorker()
  await submitIds(a, ids18(60))
  await a.sandbox.referee.until(({ jobsAtWork }) => jobsAtWork === 3)

  const theirs = { generation: 'of-another-ledger', orgId: OTHER_ORG }
  await a.store.redis.multi().flushall().hset(a.store.ledger.keys.identity, theirs).exec()
  const sandbox = { orgId: OTHER_ORG }
  const b = await startWorld(scope, {
    redis,
    name,
    sandbox,
    clock: leapingClock(),
    org: { ...ours, maxInFlight: 9 },
  })
  await b.startWorker()
  const sent = await submitIds(b, ids18(30, 500))
  a.sandbox.faults.clear()

  const why = await worker.halted
  for (const part of [a.sandbox.orgId, OTHER_ORG, theirs.generation])
    assert.ok(why.includes(part), why)
  assert.equal(await worker.ready(), why)
  const receipt = await receiptOf(b, sent)
  assert.equal(receipt.orgId, OTHER_ORG)
  assert.deepEqual(receipt.outcome, outcome({ deleted: 30 }))
  assert.equal(b.sandbox.referee.stats().deletedTwice, 0)
  // What ran there when Redis was emptied is all that the first org was ever sent.
  const { calls } = a.sandbox.referee.stats()
  assert.equal(calls['create']?.received, 3)
  assert.equal(await (await b.store.queues())['ingest-jobs'].getGlobalConcurrency(), 9)
  assert.equal((await b.store.ledger.identity())?.orgId, OTHER_ORG)
})

test('a worker without a job notices it as well', async (t) => {
  const scope = inReverse((close) => t.after(close))
  const redis = await startRedis(scope, {})
  const world = await startWorld(scope, { redis, clock: leapingClock() })
  const worker = await world.startWorker()
  await deleteIds(world, ids18(3))
  await world.store.redis.flushall()
  assert.match(await worker.halted, /found none \(Redis came back empty, or was flushed\)/)
  assert.equal(await world.store.redis.exists(world.store.ledger.keys.identity), 0)
})

test('a worker that starts on the empty Redis makes a ledger of its own', async (t) => {
  const scope = inReverse((close) => t.after(close))
  const redis = await startRedis(scope, {})
  const world = await startWorld(scope, { redis, clock: leapingClock() })
  const first = await world.startWorker()
  await world.store.redis.flushall()
  await first.halted
  const again = await startWorld(scope, { redis, name: world.org, clock: leapingClock() })
  await again.startWorker()
  const receipt = await deleteIds(again, ids18(3))
  assert.deepEqual(receipt.outcome, outcome({ deleted: 3 }))
})

test('a producer whose Redis was emptied takes nothing more in', async (t) => {
  const scope = inReverse((close) => t.after(close))
  const redis = await startRedis(scope, {})
  const { producer, org, store } = await startWorld(scope, { redis })
  const submit = (id: string) =>
    producer.submit({ id, org, object: 'Contact', source: { type: 'ids', ids: ids18(1) } })
  await submit('a')
  await store.redis.flushall()
  await assert.rejects(submit('b'), { code: 'OTHER_LEDGER' })
  await assert.rejects(producer.inspect('a', { org }), { code: 'OTHER_LEDGER' })
  await assert.rejects(producer.cancel('a', { org }), { code: 'OTHER_LEDGER' })
  assert.equal(await store.redis.exists(store.ledger.keys.identity, store.ledger.keys.requests), 0)
})

test('the HTTP service says so of that org, and that it is not ready', async (t) => {
  const scope = inReverse((close) => t.after(close))
  const redis = await startRedis(scope, {})
  const world = await startWorld(scope, { redis })
  const { call, service } = await startApi(scope, world, { redis })
  const json = { org: world.org, object: 'Contact', source: { type: 'ids', ids: ids18(1) } }
  assert.equal((await call(PATH, { json: { ...json, id: 'a' } })).status, 202)
  assert.equal(await service.ready(), null)
  await world.store.redis.flushall()
  for (const answer of [
    await call(PATH, { json: { ...json, id: 'b' } }),
    await call(`${PATH}/a?org=${world.org}`),
    await call(`${PATH}?org=${world.org}`),
  ]) {
    assert.equal(answer.status, 503)
    assert.equal(answer.json.code, 'OTHER_LEDGER')
  }
  assert.match((await service.ready()) ?? '', /is not the one that this process opened/)
  const { redis: client, ledger } = world.store
  assert.equal(await client.exists(ledger.keys.identity, ledger.keys.requests), 0)
})
