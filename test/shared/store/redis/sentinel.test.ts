import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createProducer } from '../../../../src/producer/producer.ts'
import { connectRedis, type RedisClient } from '../../../../src/shared/store/redis/redis.ts'
import { redisUnavailable } from '../../../helpers/redis.ts'
import { startReplicated } from '../../../helpers/sentinel.ts'

/** A primary that freezes, is replaced, and wakes up without knowing it. */

const skip = await redisUnavailable()
const INDEX = '{expunge-default}:requests'

function open(t: TestContext, url: string): RedisClient {
  const redis = connectRedis({ kind: 'url', url }, 'fail-fast', () => {})
  t.after(() => redis.disconnect())
  return redis
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 10))

async function roleOf(redis: RedisClient): Promise<string> {
  return /^role:(\w+)/m.exec(await redis.info('replication'))?.[1] ?? ''
}

test('with replicas asked for, no request that was accepted is lost in a failover', {
  skip,
}, async (t) => {
  const { primary: first, replica: second, sentinel } = await startReplicated(t)
  const [old, young] = [open(t, first.url), open(t, second.url)]

  const producer = await createProducer({ redis: sentinel.redis, replicas: 1 })
  t.after(() => producer.close())
  const accepted = new Set<string>()
  let submitted = 0
  let isOver = false
  const caller = async () => {
    while (!isOver) {
      const id = `r-${submitted++}`
      const request = { id, object: 'Contact', source: { type: 'ids', ids: [] } } as const
      await producer.submit(request).then(
        () => accepted.add(id),
        () => {},
      )
    }
  }
  const callers = Array.from({ length: 8 }, caller)
  while (accepted.size < 50) await pause()

  process.kill(first.pid, 'SIGSTOP')
  while ((await roleOf(young)) !== 'master') await pause()
  process.kill(first.pid, 'SIGCONT')
  // It takes in what was on its way, and more, until Sentinel tells it.
  const known = async (redis: RedisClient) =>
    new Set(await redis.zrangebyscore(INDEX, '-inf', '+inf'))
  let lost: string[] = []
  while (lost.length === 0) {
    const [there, here] = [await known(old), await known(young)]
    lost = [...there].filter((id) => !here.has(id))
  }
  await new Promise((resolve) => setTimeout(resolve, 500))
  isOver = true
  await Promise.all(callers)
  const kept = await known(young)
  assert.deepEqual(
    [...accepted].filter((id) => !kept.has(id)),
    [],
  )
  assert.ok(!lost.some((id) => accepted.has(id)))
})
