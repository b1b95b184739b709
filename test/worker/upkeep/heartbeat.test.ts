import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openOrgStore } from '../../../src/shared/store/org-store.ts'
import { orgsWorkedFor, workerSign } from '../../../src/shared/store/presence.ts'
import { connectRedis } from '../../../src/shared/store/redis/redis.ts'
import { redisNow } from '../../../src/shared/store/redis/server-clock.ts'
import { startHeartbeat } from '../../../src/worker/upkeep/heartbeat.ts'
import { context } from '../../helpers/planning.ts'
import { startRedis } from '../../helpers/redis.ts'

/** A worker that has not shown itself for this long is dead. */
const ALIVE_MS = 15_000

const server = await startRedis({ after })
const redis = connectRedis({ kind: 'url', url: server.url }, 'wait', () => {})
after(() => redis.disconnect())

function open() {
  const org = randomUUID()
  const store = openOrgStore(redis, org, (error) => assert.fail(error))
  after(() => store.close())
  const living = () => redis.zrange(store.ledger.keys.workers, '0', '-1')
  return { org, store, living }
}

test('a worker is there from its start to its end, and its org is known', async () => {
  const { org, store, living } = open()
  const heartbeat = startHeartbeat(store, context())
  while ((await living()).length === 0) await delay(5)
  assert.ok((await orgsWorkedFor(redis)).includes(org))
  heartbeat.stop()
  await heartbeat.ended
  assert.deepEqual(await living(), [])
  assert.ok((await orgsWorkedFor(redis)).includes(org))
})

test('who died is forgotten, whether or not anybody is left', async () => {
  const { store, living } = open()
  const { workers } = store.ledger.keys
  await redis.zadd(workers, (await redisNow(redis)) - ALIVE_MS - 1, 'dead')
  const alive = workerSign(store, 'alive')
  await alive.give()
  assert.deepEqual(await living(), ['alive'])
  const ttl = await redis.pttl(workers)
  assert.ok(ttl > 0 && ttl <= ALIVE_MS, String(ttl))
  await alive.takeBack()
  assert.deepEqual(await living(), [])
})

test('a worker that cannot reach Redis stops all the same', async (t) => {
  const own = await startRedis(t, {})
  const connection = connectRedis({ kind: 'url', url: own.url }, 'wait', () => {})
  t.after(() => connection.disconnect())
  const store = openOrgStore(connection, 'default', () => {})
  const heartbeat = startHeartbeat(store, context())
  while ((await connection.zcard(store.ledger.keys.workers)) === 0) await delay(5)
  await own.kill()
  heartbeat.stop()
  await heartbeat.ended
})
