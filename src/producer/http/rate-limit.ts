import { type Clock, systemClock } from '../../shared/base/clock.ts'
import { networkOf } from '../../shared/base/ip-network.ts'
import { effect } from '../../shared/base/trace.ts'
import { bareScript, evaluateBare } from '../../shared/store/redis/bare-script.ts'
import type { RedisClient } from '../../shared/store/redis/redis.ts'
import { explained } from '../../shared/store/redis/trouble.ts'
import type { ApiKey } from './api-key.ts'

/** Outside of any org: no org name can contain a colon. */
const PREFIX = '{expunge:http}:rate'

const MINUTE_US = 60_000_000

// The generic cell rate algorithm: a token bucket stored as one number, the time at which the
// bucket will be full again. It uses the server's clock, because the producers' clocks differ.
const TAKE = bareScript(
  'rate-limit',
  { keys: ['bucket'], args: ['interval', 'burst'] },
  `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local cost, burst = tonumber(interval), tonumber(burst)
local full = math.max(tonumber(redis.call('GET', bucket) or 0), now)
local wait = full - now - cost * (burst - 1)
if wait > 0 then return wait end
full = full + cost
redis.call('SET', bucket, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return 0
`,
)

/** Whether a call may proceed; if not, whole seconds until another may (`Retry-After`). */
type Admission =
  | { readonly admitted: true }
  | { readonly admitted: false; readonly retryAfterSeconds: number }

type RateLimiter = (key: Pick<ApiKey, 'name' | 'requestsPerMinute'>) => Promise<Admission>

/**
 * Counts the calls of each key over all producers: at most a minute's calls at once, then as many
 * as the minute restores.
 *
 * The limiter throws RedisUnavailableError if Redis cannot count; nothing could be submitted or
 * read then anyway.
 */
export function createRateLimiter(redis: RedisClient): RateLimiter {
  return async ({ name, requestsPerMinute }) => {
    const cost = Math.floor(MINUTE_US / requestsPerMinute)
    const given = { bucket: `${PREFIX}:${name}`, interval: cost, burst: requestsPerMinute }
    const take = () => evaluateBare(redis, TAKE, given)
    const wait = await explained(() => effect('redis:rate-limit', take))
    return wait === 0
      ? { admitted: true }
      : { admitted: false, retryAfterSeconds: Math.ceil(Number(wait) / 1_000_000) }
  }
}

/** Calls without a valid key that one address may make at once, restored within a minute. */
const FAILURES_PER_MINUTE = 60
const FAILURE_MS = 60_000 / FAILURES_PER_MINUTE

/** Addresses remembered; beyond that, those whose last failure is oldest are forgotten. */
const MOST_ADDRESSES = 10_000

/**
 * Counts calls without a valid key by their address. A key has 256 bits and cannot be guessed at
 * any rate; the limit bounds the cost of such calls for other callers. So calls with a valid key
 * are never counted, even if a proxy gives all callers one address.
 *
 * @returns counts a call; returns the whole seconds until the address may retry, 0 if it still may
 */
export function createAddressLimiter(clock: Clock = systemClock): (address: string) => number {
  const fullAt = new Map<string, number>()
  return (address) => {
    const network = networkOf(address)
    const now = clock.now()
    const full = Math.max(fullAt.get(network) ?? 0, now)
    const wait = full - now - FAILURE_MS * (FAILURES_PER_MINUTE - 1)
    if (wait > 0) return Math.ceil(wait / 1000)
    // Deleted first, so that the map stays ordered by the last failure.
    fullAt.delete(network)
    fullAt.set(network, full + FAILURE_MS)
    const [oldest] = fullAt.keys()
    if (fullAt.size > MOST_ADDRESSES && oldest !== undefined) fullAt.delete(oldest)
    return 0
  }
}
