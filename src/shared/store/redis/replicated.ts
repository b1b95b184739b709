import { Cluster } from 'ioredis'
import { ExpungeError } from '../../base/errors.ts'
import type { RedisClient } from './redis.ts'
import { RedisUnavailableError } from './trouble.ts'
import { RedisUnusableError } from './usable.ts'

/**
 * Answers only once replicas have the data. Redis replicates after it has answered: what a primary
 * accepted just before a failover, or while it was frozen and another was promoted, is unknown to
 * the new primary. `WAIT` returns how many replicas have a connection's last write.
 */

/** Replication takes about a round trip; a longer wait means that a replica is missing. */
const REPLICAS_WITHIN_MS = 1000
/** Written before each wait, so that the connection has a write for `WAIT` to wait for. */
const FENCE = '{expunge:fence}'
const FENCE_SECONDS = 3600

/**
 * Performs a write and resolves once enough replicas have it. Refusals wait too: the refusal
 * "already approved" rests on data that a failover could still lose.
 */
type Replicated = <T>(write: () => Promise<T>) => Promise<T>

/**
 * @param replicas how many must have it; 0 for none
 * @param unknown message for the caller if they may not have it
 * @throws RedisUnusableError for a cluster, where each key is on its own connection
 */
export function replicatedTo(redis: RedisClient, replicas: number, unknown: string): Replicated {
  if (replicas === 0) return (write) => write()
  if (redis instanceof Cluster) {
    throw new RedisUnusableError(
      'Redis: redis.replicas is for one primary with replicas, not for a cluster. Leave it out, and set min-replicas-to-write on each shard.',
    )
  }
  let connection = 0
  // A `WAIT` resent on another connection would count the wrong writes.
  redis.on('close', () => {
    connection++
  })
  const ask = async () => {
    const [, reached] = await Promise.all([
      redis.set(FENCE, '1', 'EX', FENCE_SECONDS),
      redis.wait(replicas, REPLICAS_WITHIN_MS),
    ])
    return reached
  }
  const count = oneAfterAnother(ask)
  return async (write) => {
    const since = connection
    const answer = await answerOf(write)
    const reached = await count()
    const isSame = since === connection
    if (isSame && reached >= replicas) return answer()
    const detail = isSame
      ? `${reached} of ${replicas} replicas within ${REPLICAS_WITHIN_MS / 1000} s`
      : 'the connection was lost before replicas confirmed it'
    throw new RedisUnavailableError('REDIS_NOT_REPLICATED', detail, unknown)
  }
}

/** A result, or a refusal that rests on stored data; other errors are thrown at once. */
async function answerOf<T>(write: () => Promise<T>): Promise<() => T> {
  try {
    const result = await write()
    return () => result
  } catch (error) {
    if (!(error instanceof ExpungeError) || error instanceof RedisUnavailableError) throw error
    return () => {
      throw error
    }
  }
}

/**
 * Allows one call at a time, because it blocks everything else on the connection. Callers that
 * arrive meanwhile share the next call, which begins after all their writes.
 */
function oneAfterAnother<T>(ask: () => Promise<T>): () => Promise<T> {
  let current: Promise<unknown> = Promise.resolve()
  let next: Promise<T> | null = null
  return () => {
    next ??= current.then(() => {
      next = null
      const asked = ask()
      current = asked.catch(() => {})
      return asked
    })
    return next
  }
}
