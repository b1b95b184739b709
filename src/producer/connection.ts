import { openStores } from '../shared/store/org-store.ts'
import { assertUsable, connectRedis, type RedisConfig } from '../shared/store/redis/redis.ts'
import { replicatedTo } from '../shared/store/redis/replicated.ts'
import { openServerClock } from '../shared/store/redis/server-clock.ts'
import { explained } from '../shared/store/redis/trouble.ts'
import { withReason } from '../shared/store/redis/why-away.ts'

export interface ProducerOptions {
  /** A `redis://` or `rediss://` URL, or another way to connect. */
  readonly redis: string | RedisConfig
  /** Also accepts a server without an append-only file, whose restart loses requests. */
  readonly volatile?: boolean
  /**
   * How many replicas must have a request, an approval or a cancellation before the call resolves;
   * 0 by default. If fewer have it within a second, the call fails with a RedisUnavailableError
   * `REDIS_NOT_REPLICATED` and may be repeated.
   */
  readonly replicas?: number
  /**
   * API names of the objects that may be deleted in an org that no worker has worked for yet; the
   * built-in ones by default. Afterwards the org's own guard rails apply.
   */
  readonly objects?: readonly string[] | undefined
  /**
   * Receives connection errors, while calls fail fast with their own errors, and errors for
   * unreadable requests, which are missing from lists.
   */
  readonly onError?: (error: Error) => void
}

export const MAY_BE_LOST =
  'Whether it is kept is not known: a failover now might lose it. Repeat the same call, under the same id.'

/**
 * Requires a reachable Redis: a submit that cannot be stored must fail at once.
 *
 * @param signal ends the attempt: the connection is closed, and the call rejects with the reason
 * @throws RedisUnusableError for a Redis that cannot keep requests: login, version, role, eviction,
 *   no append-only file
 * @throws RedisUnavailableError
 */
export async function connectProducer(
  { redis: where, volatile, replicas, objects, onError = () => {} }: ProducerOptions,
  signal?: AbortSignal,
) {
  const config: RedisConfig = typeof where === 'string' ? { kind: 'url', url: where } : where
  signal?.throwIfAborted()
  const redis = connectRedis(config, 'fail-fast', onError)
  const stop = () => redis.disconnect()
  signal?.addEventListener('abort', stop, { once: true })
  try {
    const replicated = replicatedTo(redis, replicas ?? config.replicas ?? 0, MAY_BE_LOST)
    await explained(() => assertUsable(redis, { volatile: volatile ?? config.volatile ?? false }))
    const clock = await explained(() => openServerClock(redis))
    const stores = openStores(redis, onError)
    return {
      redis,
      stores,
      clock,
      replicated,
      objects,
      onError,
      close: async () => {
        await stores.close()
        clock.close()
        redis.disconnect()
      },
    }
  } catch (error) {
    redis.disconnect()
    signal?.throwIfAborted()
    throw await withReason(config, error)
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}
