import { join } from 'node:path'
import { startEmbeddedRedis } from '../../src/cli/embedded-redis/embedded-redis.ts'
import { createProducer } from '../../src/producer/producer.ts'
import { contactIds, type Place } from './spawn.ts'

/** Requests in the home of this place, as a run leaves them that is killed before it plans them. */
export async function leaveRequests({ folder }: Place, ids: readonly string[]): Promise<void> {
  const home = join(folder, 'home')
  const redis = await startEmbeddedRedis({ home, env: process.env, log: () => {} })
  const producer = await createProducer({ redis: { kind: 'socket', path: redis.socket } })
  for (const id of ids) {
    await producer.submit({ id, object: 'Contact', source: { type: 'ids', ids: contactIds(5) } })
  }
  await producer.close()
  await redis.stop()
}
