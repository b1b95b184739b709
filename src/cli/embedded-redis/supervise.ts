import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../../shared/base/errors.ts'
import { EmbeddedRedisError } from './errors.ts'
import type { RedisProcess } from './redis-process.ts'

export interface Supervised {
  /** Resolves where the server has ended by itself and stays away. */
  readonly lost: Promise<EmbeddedRedisError>
  stop(): Promise<void>
}

const RESTARTS = 3
const HEALTHY_AFTER = 60_000

/**
 * Keeps a server running until `stop`: one that ends by itself (out of memory, killed by mistake)
 * is started again on its append-only file, and clients connect again as after any outage. A third
 * end within a minute of its start is taken for good.
 */
export async function supervise(
  start: () => Promise<RedisProcess>,
  options: { readonly restarts?: number; readonly log: (line: string) => void },
): Promise<Supervised> {
  const { restarts = RESTARTS, log } = options
  const { promise: lost, resolve: giveUp } = Promise.withResolvers<EmbeddedRedisError>()
  let starting = start()
  let isStopping = false
  await starting

  const watch = async (): Promise<void> => {
    let left = restarts
    while (!isStopping) {
      const since = Date.now()
      // One that ends while it starts again has used a try as well.
      const how = await starting.then((redis) => redis.exited, messageOf)
      if (isStopping) return
      if (Date.now() - since > HEALTHY_AFTER) left = restarts
      if (left === 0) return giveUp(gone(how))
      left -= 1
      log(`The Redis server ended (${how}); starting it again.`)
      await delay(100)
      if (!isStopping) starting = start()
    }
  }
  const watching = watch()
  return {
    lost,
    stop: async () => {
      isStopping = true
      await starting.then(
        (redis) => redis.stop(),
        () => {},
      )
      await watching
    },
  }
}

function gone(how: string): EmbeddedRedisError {
  const message = `The embedded Redis server has ended (${how}) and is not started again.`
  return new EmbeddedRedisError('EMBEDDED_REDIS_FAILED', message)
}
