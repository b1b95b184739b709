import { type Clock, systemClock } from '../../shared/base/clock.ts'
import { networkOf } from '../../shared/base/ip-network.ts'
import { effect } from '../../shared/base/trace.ts'
import { bareScript, evaluateBare } from '../../shared/store/redis/bare-script.ts'
import type { RedisClient } from '../../shared/store/redis/redis.ts'
import { explained } from '../../shared/store/redis/trouble.ts'
import type { ApiKey } from './api-key.ts'

/** Outside of any org: no org's name can have a colon in it. */
const PREFIX = '{expunge:http}:rate'

const MINUTE_US = 60_000_000

// The generic cell rate algorithm, a token bucket that is one number: the time at which the bucket
// will be full again. The server's clock counts, for that of each producer is another.
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

/** Whether a call may go ahead; if not, whole seconds after which another may (`Retry-After`). */
type Admission =
  | { readonly admitted: true }
  | { readonly admitted: false; readonly retryAfterSeconds: number }

type RateLimiter = (key: Pick<ApiKey, 'name' | 'requestsPerMinute'>) => Promise<Admission>

/**
 * Counts the calls of each key, over all producers together: a minute's calls at once at most, then
 * as many as the minute gives back.
 *
 * The limiter throws RedisUnavailableError where Redis cannot count: then nothing can be submitted
 * or read either.
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

/** Calls without a valid key that one address may make at once, and that a minute gives back. */
const FAILURES_PER_MINUTE = 60
const FAILURE_MS = 60_000 / FAILURES_PER_MINUTE

/** Addresses that are remembered; beyond it those are forgotten that failed longest ago. */
const MOST_ADDRESSES = 10_000

/**
 * Counts the calls that bear no valid key, by the address that they come from. A key has 256 bits,
 * and cannot be guessed at any rate: what is limited is how much such calls cost everybody else. A
 * valid key is therefore never counted, even where a proxy gives all callers one address.
 *
 * @returns counts a call; the whole seconds after which the address may try again, 0 where it still may
 */
export function createAddressLimiter(clock: Clock = systemClock): (address: string) => number {
  const fullAt = new Map<string, number>()
  return (address) => {
    const network = networkOf(address)
    const now = clock.now()
    const full = Math.max(fullAt.get(network) ?? 0, now)
    const wait = full - now - FAILURE_MS * (FAILURES_PER_MINUTE - 1)
    if (wait > 0) return Math.ceil(wait / 1000)
    // Deleted first, so that the map stays in the order of the last failure.
    fullAt.delete(network)
    fullAt.set(network, full + FAILURE_MS)
    const [oldest] = fullAt.keys()
    if (fullAt.size > MOST_ADDRESSES && oldest !== undefined) fullAt.delete(oldest)
    return 0
  }
}
