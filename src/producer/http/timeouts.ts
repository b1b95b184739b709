import { endsWithin } from '../../shared/base/race.ts'
import { RedisUnavailableError } from '../../shared/store/redis/redis.ts'

/** How slow the sender of a body may be. */
interface MinimumRate {
  /** In total, in addition to the time that the received bytes allow. */
  readonly graceMs: number
  /** Between two blocks. */
  readonly silentMs: number
  readonly bytesPerSecond: number
}

/** Timeouts in milliseconds. */
export interface HttpTimeouts {
  /** Until the last header line has arrived. */
  readonly headersMs: number
  readonly body: MinimumRate
  /** Without a byte in either direction, also if a caller does not read its answer. */
  readonly silentMs: number
  /** How long the unread rest of a body is drained, so that its sender sees the answer. */
  readonly lingerMs: number
  /** About a second: Redis normally answers within milliseconds. */
  readonly redisMs: number
  /** For calls in flight at a stop; orchestrators kill after 10 s or more. */
  readonly drainMs: number
}

export const HTTP_TIMEOUTS: HttpTimeouts = {
  headersMs: 10_000,
  body: { graceMs: 15_000, silentMs: 15_000, bytesPerSecond: 2_000 },
  silentMs: 60_000,
  lingerMs: 5_000,
  redisMs: 1_500,
  drainMs: 6_000,
}

/**
 * Limits a caller's wait for Redis: a server this late will not answer the next command in time
 * either. The work continues and may still succeed.
 *
 * @throws RedisUnavailableError `REDIS_AWAY`
 */
export async function withinDeadline<T>(
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
