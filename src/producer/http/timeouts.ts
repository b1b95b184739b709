import { endsWithin } from '../../shared/base/race.ts'
import { RedisUnavailableError } from '../../shared/store/redis/redis.ts'

/** How slow the sender of a body may be. */
interface MinimumRate {
  /** In all, on top of what the bytes that came have earned. */
  readonly graceMs: number
  /** Between two blocks. */
  readonly silentMs: number
  readonly bytesPerSecond: number
}

/** How long is waited, in milliseconds. */
export interface HttpTimeouts {
  /** Before the last header line is there. */
  readonly headersMs: number
  readonly body: MinimumRate
  /** Without a byte in either direction, also where a caller does not fetch what was asked for. */
  readonly silentMs: number
  /** How long the unread rest of a body is drained, so that its sender sees the answer. */
  readonly lingerMs: number
  /** "About a second": Redis answers within milliseconds, or something is wrong with it. */
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
 * Bounds a caller's wait for Redis: a server this late will not answer the next command in time
 * either. The work goes on, and may well succeed.
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
