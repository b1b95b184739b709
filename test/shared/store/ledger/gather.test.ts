import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import type { GatherSet } from '../../../../src/shared/store/ledger/gather-sets.ts'
import { redisNow } from '../../../../src/shared/store/redis/server-clock.ts'
import { fc, runs } from '../../../helpers/fast-check.ts'
import { startRedis } from '../../../helpers/redis.ts'
import {
  type Bundle,
  chunkOutcome,
  chunkRef,
  connect,
  ingestOrder,
  ledgerOf,
  openLedger,
  orderLock,
} from './setup.ts'

const server = await startRedis({ after })

const SET: GatherSet = { object: 'Contact', operation: 'delete', priority: 'normal' }
const GROUP = 'Contact:delete:normal'
const SHARED = { coalesceBelow: 50, coalesceFill: 60, coalesceWaitMs: 0, coalesceHighWaitMs: 0 }
const LATER = { ...SHARED, coalesceWaitMs: 60_000, coalesceHighWaitMs: 60_000 }

const nameOf = (id: string) => `${id}.0.1`

async function share({ redis, keys }: Bundle, settings: object): Promise<void> {
  await redis.hset(keys.settings, settings)
}

/** A small request whose plan is made; its order joins. */
async function gather(bundle: Bundle, id: string, count = 10) {
  const order = nameOf(id)
  await bundle.deleting(id, [ingestOrder(order, [{ ...chunkRef(id, 0), count }])])
  return bundle.ledger.joinGather(SET, { order, count })
}

async function departed({ ledger }: Bundle) {
  const departure = await ledger.depart(SET)
  if (departure.kind !== 'departed') return assert.fail(`expected a departure: ${departure.kind}`)
  return departure
}

const sumOf = async ({ redis, keys }: Bundle) =>
  Number((await redis.hget(keys.gatherIds(GROUP), 'sum')) ?? 0)
const carried = async ({ ledger }: Bundle, order: string) =>
  ((await ledger.ingestOrder(order))?.order.chunks ?? []).map(({ request }) => request)

test('small requests depart in one order, the oldest first, and their chunks name it', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger, redis, keys } = bundle
  await share(bundle, SHARED)
  for (const id of ['b', 'a.1', 'c']) assert.equal(await gather(bundle, id), 'gathering')
  assert.equal(await sumOf(bundle), 30)
  const { order, members, records, reason } = await departed(bundle)
  assert.deepEqual({ members, records, reason }, { members: 3, records: 30, reason: 'waited' })
  assert.deepEqual((await carried(bundle, order)).toSorted(), ['a.1', 'b', 'c'])
  assert.equal((await ledger.ingestOrder(order))?.order.order, order)
  for (const id of ['b', 'a.1', 'c']) {
    assert.deepEqual([...(await ledger.openChunks(id))], [['0.1', order]])
    assert.equal(await ledger.ingestOrder(nameOf(id)), null)
    assert.equal(await ledger.joinGather(SET, { order: nameOf(id), count: 10 }), 'gone')
    assert.equal(await ledger.joinGather(SET, { order, count: 10 }), 'departed')
  }
  const left = [keys.gather(GROUP), keys.gatherIds(GROUP), keys.gathers]
  assert.equal(await redis.exists(...left), 0)
  assert.equal(await ledger.nextDeparture(), null)
})

test('a request alone departs in its own order', async (t) => {
  const bundle = openLedger(t, server)
  await share(bundle, SHARED)
  await gather(bundle, 'a')
  assert.equal((await departed(bundle)).order, 'a.0.1')
  const again = { order: 'a.0.1', count: 10 }
  assert.equal(await bundle.ledger.joinGather(SET, again), 'departed')
})

test('a set departs when it is full or its oldest member has waited, not before', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  await share(bundle, LATER)
  for (const id of ['a', 'b', 'c', 'd', 'e']) await gather(bundle, id)
  assert.deepEqual(await ledger.depart(SET), { kind: 'waiting' })
  const next = await ledger.nextDeparture()
  assert.ok(next !== null && next.inMs > 50_000 && next.inMs <= 60_000, JSON.stringify(next))
  assert.equal(await ledger.gathersUntil(SET, 'c.0.1'), next.at)
  await gather(bundle, 'f')
  assert.equal((await ledger.nextDeparture())?.inMs, 0)
  assert.equal((await departed(bundle)).reason, 'full')
  assert.equal(await ledger.gathersUntil(SET, 'c.0.1'), null)
})

test('retried rows gather by themselves, and none departs before its delay is over', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  const retries = { ...SET, isRetry: true }
  await share(bundle, SHARED)
  for (const [id, delayMs] of Object.entries({
    a: 0,
    b: 0,
    c: 60_000,
    d: 60_000,
    e: 60_000,
    f: 60_000,
  })) {
    const order = `${id}.1.2`
    await bundle.deleting(id, [ingestOrder(order, [{ ...chunkRef(id, 1, 2), count: 10 }])])
    assert.equal(await ledger.joinGather(SET, { order, count: 10, delayMs }), 'gathering')
  }
  assert.deepEqual((await ledger.nextDeparture())?.set, retries)
  const departure = await ledger.depart(retries)
  assert.ok(departure.kind === 'departed')
  assert.deepEqual((await carried(bundle, departure.order)).toSorted(), ['a', 'b'])
  const next = await ledger.nextDeparture()
  assert.ok(next !== null && next.inMs > 50_000, JSON.stringify(next))
  assert.deepEqual(await ledger.depart(retries), { kind: 'waiting' })
  assert.equal(await ledger.leaveGather(SET, 'c.1.2'), 'left')
})

test('a set that only a newer version knows holds up no other', async (t) => {
  const bundle = openLedger(t, server)
  await share(bundle, SHARED)
  await bundle.redis.zadd(bundle.keys.gathers, 0, 'Contact:delete:someday')
  assert.equal(await bundle.ledger.nextDeparture(), null)
  await gather(bundle, 'a')
  assert.deepEqual((await bundle.ledger.nextDeparture())?.set, SET)
})

test('a set follows the settings that a worker changes while it waits', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  await share(bundle, LATER)
  await gather(bundle, 'a')
  await share(bundle, SHARED)
  assert.ok(((await ledger.nextDeparture())?.inMs ?? 0) > 50_000)
  // As the sweep does.
  await ledger.joinGather(SET, { order: 'a.0.1', count: 10 })
  assert.ok(((await ledger.nextDeparture())?.inMs ?? 1) <= 0)
})

test('a set of 1,000 members is full, however few ids they have', async (t) => {
  const bundle = openLedger(t, server)
  await share(bundle, LATER)
  const others = Array.from({ length: 999 }, (_, at) => [1, nameOf(`r${at}`)]).flat()
  await bundle.redis.zadd(bundle.keys.gather(GROUP), ...others)
  await gather(bundle, 'a', 1)
  assert.equal((await bundle.ledger.nextDeparture())?.at, 0)
})

test('a request does not gather if that might take half of the time until its deadline', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger, redis } = bundle
  await share(bundle, LATER)
  await bundle.deleting('a', [ingestOrder('a.0.1', [chunkRef('a', 0)])])
  const joins = async (inMs: number) => {
    const deadline = new Date((await redisNow(redis)) + inMs).toISOString()
    return ledger.joinGather(SET, { order: 'a.0.1', count: 10, deadline })
  }
  assert.equal(await joins(119_000), 'alone')
  assert.equal(await joins(130_000), 'gathering')
})

test('a full set departs although the clock of Redis went back', async (t) => {
  const bundle = openLedger(t, server)
  await share(bundle, { ...LATER, coalesceFill: 20 })
  for (const id of ['a', 'b']) await gather(bundle, id)
  const later = (await redisNow(bundle.redis)) + 60_000
  for (const id of ['a', 'b']) await bundle.redis.zadd(bundle.keys.gather(GROUP), later, nameOf(id))
  assert.equal((await departed(bundle)).members, 2)
})

test('a few rows of a large request that are retried stay in their set', async (t) => {
  const bundle = openLedger(t, server)
  await share(bundle, SHARED)
  await bundle.deleting('a', [ingestOrder('a.1.2', [{ ...chunkRef('a', 1), attempt: 2 }])])
  const joins = (count: number, delayMs: number) =>
    bundle.ledger.joinGather(SET, { order: 'a.1.2', count, delayMs })
  assert.equal(await joins(3, 60_000), 'gathering')
  // The sweep knows only how many ids the request has.
  assert.equal(await joins(5000, 0), 'gathering')
  assert.ok(((await bundle.ledger.nextDeparture())?.inMs ?? 0) > 50_000)
})

test('the parts of a job that failed because of locks do not go in one job again', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger } = bundle
  await share(bundle, { ...SHARED, coalesceBelow: 2000, coalesceFill: 10_000 })
  const parts = [1, 2, 3].map((chunk) => ({ ...chunkRef('a', chunk), attempt: 3, count: 625 }))
  const orders = parts.map((ref) => ingestOrder(`a.${ref.chunk}.3`, [ref]))
  await bundle.deleting('a', orders)
  for (const { order } of orders) await ledger.joinGather(SET, { order, count: 625 })
  const retries = { ...SET, isRetry: true }
  for (const { order } of orders) {
    const departure = await ledger.depart(retries)
    assert.equal(departure.kind === 'departed' && departure.order, order)
  }
})

test('an order that cannot be read holds up no other', async (t) => {
  const bundle = openLedger(t, server)
  const { redis, keys } = bundle
  await share(bundle, SHARED)
  for (const id of ['a', 'b', 'c', 'd']) await gather(bundle, id)
  await redis.hset(keys.ingest('b.0.1'), 'order', '{"order":')
  await redis.hset(keys.ingest('c.0.1'), 'order', '{"order":"c.0.1","parts":[]}')
  const { order, members } = await departed(bundle)
  assert.equal(members, 2)
  assert.deepEqual((await carried(bundle, order)).toSorted(), ['a', 'd'])
  assert.equal(await bundle.ledger.nextDeparture(), null)
})

test('large requests travel alone, as do all where no worker lets sets depart', async (t) => {
  const bundle = openLedger(t, server)
  assert.equal(await gather(bundle, 'early'), 'alone')
  await share(bundle, SHARED)
  assert.equal(await gather(bundle, 'large', 50), 'alone')
  assert.equal(await gather(bundle, 'small', 49), 'gathering')
  assert.equal(await bundle.ledger.joinGather(SET, { order: 'none.0.1', count: 1 }), 'gone')
})

test('an order that ended or that a worker took does not depart', async (t) => {
  const bundle = openLedger(t, server)
  const { ledger, grab } = bundle
  await share(bundle, SHARED)
  for (const id of ['ended', 'taken', 'left', 'stays']) await gather(bundle, id)
  const ref = chunkRef('ended', 0)
  const outcomes = [{ ref, outcome: chunkOutcome(0) }]
  const ended = ingestOrder('ended.0.1', [ref])
  assert.equal(await ledger.endUnsent({ order: ended, outcomes }), 'ended')
  assert.equal(await sumOf(bundle), 30)
  await ledger.takeOrder('taken.0.1', await grab(orderLock('taken.0.1')))
  assert.equal(await ledger.leaveGather(SET, 'left.0.1'), 'left')
  assert.equal(await ledger.leaveGather(SET, 'left.0.1'), 'other')
  assert.equal((await departed(bundle)).order, 'stays.0.1')
  assert.deepEqual(await ledger.depart(SET), { kind: 'waiting' })
  assert.deepEqual([...(await ledger.openChunks('taken')).values()], ['taken.0.1'])
})

test('requests join no full Redis, but depart from one, which frees memory', async (t) => {
  const own = await startRedis(t)
  const bundle = openLedger(t, own)
  const { ledger, redis } = bundle
  await share(bundle, SHARED)
  for (const id of ['a', 'b', 'c']) await gather(bundle, id)
  await bundle.deleting('late', [ingestOrder('late.0.1', [chunkRef('late', 0)])])
  const late = { order: 'late.0.1', count: 10 }
  await redis.config('SET', 'maxmemory', 1)
  await assert.rejects(ledger.joinGather(SET, late), /OOM/)
  assert.equal((await departed(bundle)).members, 3)
  await redis.config('SET', 'maxmemory', 0)
  assert.equal(await ledger.joinGather(SET, late), 'gathering')
})

test('of workers that let a set depart at once, one gets each member', async (t) => {
  const bundle = openLedger(t, server)
  await share(bundle, SHARED)
  const ids = Array.from({ length: 30 }, (_, at) => `r${at}`)
  for (const id of ids) await gather(bundle, id)
  const orders: string[] = []
  while ((await bundle.ledger.nextDeparture()) !== null) {
    const tries = await Promise.all([1, 2, 3, 4].map(() => bundle.ledger.depart(SET)))
    for (const one of tries) if (one.kind === 'departed') orders.push(one.order)
  }
  const found = await Promise.all(orders.map((order) => carried(bundle, order)))
  assert.deepEqual(found.flat().toSorted(), ids.toSorted())
  assert.equal(orders.length, 5)
})

const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ verb: fc.constant('join'), at: fc.nat(11) }) },
  fc.record({ verb: fc.constantFrom('leave', 'end', 'take'), at: fc.nat(11) }),
  fc.record({ verb: fc.constant('depart'), at: fc.constant(0) }),
)

test('however requests join, leave, end and depart, none is lost, doubled or miscounted', async (t) => {
  const redis = connect(t, server)
  const property = fc.asyncProperty(
    fc.array(anyStep, { minLength: 5, maxLength: 40 }),
    fc.array(fc.integer({ min: 1, max: 49 }), { minLength: 12, maxLength: 12 }),
    async (steps, counts) => {
      const bundle = ledgerOf(redis, randomUUID())
      const { ledger, keys, grab } = bundle
      await share(bundle, SHARED)
      const countOf = (id: string) => counts[Number(id.slice(1))] ?? 0
      const refOf = (id: string) => ({ ...chunkRef(id, 0), count: countOf(id) })
      for (const at of counts.keys()) {
        const order = ingestOrder(`r${at}.0.1`, [refOf(`r${at}`)])
        await redis.hset(keys.ingest(order.order), 'order', JSON.stringify(order))
        await redis.hset(keys.open(`r${at}`), '0.1', order.order)
      }
      // In the order in which they joined; those that a worker took leave with a departure.
      let waiting: string[] = []
      let joins = 0
      const away = new Set<string>()
      for (const { verb, at } of steps) {
        const id = `r${at}`
        const order = nameOf(id)
        if (verb === 'join') {
          await ledger.joinGather(SET, { order, count: countOf(id) })
          if (!away.has(id) && !waiting.includes(id)) {
            waiting.push(id)
            // Members of one millisecond depart by name.
            await redis.zadd(keys.gather(GROUP), 'XX', ++joins, order)
          }
        } else if (verb === 'leave') {
          await ledger.leaveGather(SET, order)
          waiting = waiting.filter((one) => one !== id)
        } else if (verb === 'end') {
          const outcomes = [{ ref: refOf(id), outcome: chunkOutcome(0) }]
          const answer = await ledger.endUnsent({
            order: ingestOrder(order, [refOf(id)]),
            outcomes,
          })
          if (answer === 'ended') {
            away.add(id)
            waiting = waiting.filter((one) => one !== id)
          }
        } else if (verb === 'take') {
          const answer = await ledger.takeOrder(order, await grab(orderLock(order)))
          if (answer.kind === 'taken') away.add(id)
        } else {
          const departure = await ledger.depart(SET)
          if (departure.kind === 'waiting') {
            assert.equal(waiting.length, 0)
            continue
          }
          const chunks = departure.kind === 'departed' ? await carried(bundle, departure.order) : []
          const records = chunks.reduce((sum, one) => sum + countOf(one), 0)
          assert.ok(records <= SHARED.coalesceFill, `${records} records depart`)
          const free = waiting.filter((one) => !away.has(one))
          assert.deepEqual(chunks, free.slice(0, chunks.length))
          const last = waiting.indexOf(chunks.at(-1) ?? '')
          const kept = await redis.zrange(keys.gather(GROUP), '0', '-1')
          waiting = waiting.filter((one, place) => place > last && kept.includes(nameOf(one)))
          for (const one of chunks) away.add(one)
        }
        const members = await redis.zrange(keys.gather(GROUP), '0', '-1')
        assert.deepEqual(members, waiting.map(nameOf))
        const sum = waiting.reduce((total, one) => total + countOf(one), 0)
        assert.equal(await sumOf(bundle), sum)
        assert.equal((await ledger.nextDeparture()) === null, waiting.length === 0)
      }
      for (const at of counts.keys()) {
        const [order] = (await ledger.openChunks(`r${at}`)).values()
        if (order !== undefined) assert.ok((await carried(bundle, order)).includes(`r${at}`))
      }
    },
  )
  await fc.assert(property, { numRuns: runs(40) })
})
