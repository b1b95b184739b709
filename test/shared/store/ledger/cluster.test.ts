import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { entrance } from '../../../../src/shared/store/intake/enter.ts'
import { readOrgFacts } from '../../../../src/shared/store/org-facts.ts'
import { orgsWorkedFor, workerSign } from '../../../../src/shared/store/presence.ts'
import { openQueues, workOrders } from '../../../../src/shared/store/queues/queues.ts'
import { memoryRatio } from '../../../../src/shared/store/redis/memory.ts'
import {
  connectRedis,
  inspectRedis,
  type RedisClient,
} from '../../../../src/shared/store/redis/redis.ts'
import { createStaging } from '../../../../src/shared/store/staging/staging.ts'
import { freePort } from '../../../helpers/free-port.ts'
import { startRedis } from '../../../helpers/redis.ts'
import {
  chunkOutcome,
  chunkRef,
  ingestOrder,
  ledgerOf,
  orderLock,
  PLAN,
  planLock,
  settlement,
  submission,
} from './setup.ts'

const ORDERS = [ingestOrder('order-a', [chunkRef('R1', 0), chunkRef('R1', 1)])]

test('on a cluster every step of an org keeps to one shard', async (t) => {
  const redis = await startCluster(t)
  const { connection, ledger, keys, grab, submit, deleting } = ledgerOf(redis, 'emea')
  assert.equal((await inspectRedis(redis)).role, 'master')

  await submit('R1')
  const plan = await grab(planLock('R1'))
  assert.equal((await ledger.beginPlanning({ id: 'R1', lot: 'lot-1', lock: plan })).kind, 'begun')
  const next = 'awaiting-approval'
  const entry = { id: 'R1', lot: 'lot-1', plan: PLAN, orders: ORDERS, next, lock: plan } as const
  assert.equal(await ledger.planned(entry), 'ok')
  assert.equal(await ledger.approve('R1'), 'approved')
  await ledger.cancel('R1', 'cancelled')

  const lock = await grab(orderLock('order-a'))
  assert.equal((await ledger.takeOrder('order-a', lock)).kind, 'taken')
  await ledger.handBackOrder('order-a', lock)
  const checkpoint = '{"step":"create"}'
  assert.equal(await ledger.saveCheckpoint({ order: 'order-a', checkpoint, lock }), 'ok')
  const outcomes = ORDERS.flatMap(({ chunks }) => chunks).map((ref) => ({
    ref,
    outcome: chunkOutcome(10),
  }))
  assert.equal((await ledger.recordOutcome({ order: 'order-a', outcomes, lock })).kind, 'ok')
  assert.equal(await ledger.settle(settlement('R1', { unsent: ['order-a'] })), 'settled')
  assert.deepEqual(await ledger.liveIds(), [])

  await redis.hset(keys.settings, { coalesceBelow: 50, coalesceFill: 60, coalesceWaitMs: 0 })
  for (const id of ['S1', 'S2']) {
    const small = ingestOrder(`${id}.0.1`, [chunkRef(id, 0)])
    await deleting(id, [small])
    assert.equal(await ledger.joinGather(small, { order: small.order, count: 10 }), 'gathering')
  }
  const departure = await ledger.depart({
    object: 'Contact',
    operation: 'delete',
    priority: 'normal',
  })
  assert.equal(departure.kind === 'departed' && departure.members, 2)

  const staging = createStaging(connection, keys, () => 1)
  const lot = { request: 'R2', lot: 'upload' }
  for (const chunk of [0, 1]) {
    const writer = staging.write(lot, chunk)
    await writer.write(Buffer.from(`chunk ${chunk}`))
    await writer.end()
  }
  assert.deepEqual(await Array.fromAsync(staging.read(lot, 1)), [Buffer.from('chunk 1')])
  await staging.drop(lot)
  assert.deepEqual(await staging.lots(), [])

  const queues = await openQueues(redis, keys, (error) => assert.fail(error))
  t.after(() => queues.close())
  await workOrders(async () => queues, ledger).plan('R2', 'normal')
  assert.equal((await queues.requests.getJob('p-r2'))?.data.id, 'R2')
  const enter = entrance(connection, keys, async () => queues.requests)
  assert.equal(await enter(submission({ id: 'R3' })), 'ordered')
  assert.equal((await queues.requests.getJob('p-r3'))?.data.id, 'R3')

  await workerSign({ redis, org: 'emea', ledger }, 'worker').give()
  const facts = await readOrgFacts(redis, 'emea')
  assert.deepEqual([facts.workers, facts.queues.get('requests')?.waiting], [1, 2])
  assert.deepEqual(await orgsWorkedFor(redis), ['emea'])
  assert.equal(await memoryRatio(redis), 0)
})

/** One node that owns every slot: it refuses a step whose keys are not all on one shard. */
async function startCluster(t: Parameters<typeof startRedis>[0]): Promise<RedisClient> {
  const bus = String(await freePort())
  const node = await startRedis(t, {
    args: [
      ...['--cluster-enabled', 'yes', '--cluster-port', bus],
      ...['--cluster-announce-ip', '127.0.0.1'],
    ],
  })
  const single = connectRedis({ kind: 'url', url: node.url }, 'wait', () => {})
  await single.cluster('ADDSLOTSRANGE', 0, 16_383)
  await assert.rejects(single.mget('a', 'b'), /CROSSSLOT/)
  // A node that has just started takes 2 s before it calls itself a cluster.
  while (!String(await single.cluster('INFO')).includes('cluster_state:ok')) await delay(20)
  single.disconnect()
  const { host, port } = node
  const redis = connectRedis(
    { kind: 'cluster', nodes: [{ host, port }], tls: false },
    'wait',
    () => {},
  )
  t.after(async () => redis.disconnect())
  return redis
}
