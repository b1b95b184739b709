import { endsWithin } from '../../shared/base/race.ts'
import { RedisUnavailableError } from '../../shared/store/redis/redis.ts'
import type { HttpTimeouts } from './limits.ts'

/**
 * Waits for Redis no longer than a caller should: one that answers this late will not answer the
 * next either. What was begun goes on, and may well be done.
 *
 * @throws RedisUnavailableError `REDIS_AWAY`
 */
export async function soon<T>(
  { redisMs }: Pick<HttpTimeouts, 'redisMs'>,
  work: Promise<T>,
): Promise<T> {
  if (await endsWithin(work, redisMs)) return work
  work.catch(() => {})
  throw new RedisUnavailableError(
    'REDIS_AWAY',
    `no answer within ${redisMs} ms`,
    'What was asked for may be done all the same: repeat it, with the same id where one was given.',
  )
}
