import { cachedRead } from '../shared/base/cached-read.ts'
import { messageOf } from '../shared/base/errors.ts'
import type { Logger } from '../shared/base/logger.ts'
import { type OrgFacts, readOrgFacts } from '../shared/store/org-facts.ts'
import { orgsWorkedFor } from '../shared/store/presence.ts'
import { memoryRatio as readMemoryRatio } from '../shared/store/redis/memory.ts'
import { connectRedis, type RedisClient, type RedisConfig } from '../shared/store/redis/redis.ts'
import { troubleOf } from '../shared/store/redis/trouble.ts'
import type { Observe, Observed } from '../shared/telemetry/metrics/readings.ts'

/**
 * Facts that all processes share, read from Redis when they are asked for: every producer tells the
 * same, so queries take the maximum. Where Redis does not answer there is nothing to tell, only that.
 */

/**
 * Two Prometheus servers, or a scrape and a look by hand, are served by one reading. A server waits
 * for ten seconds, and is to have the rest of the page by then.
 */
const PATIENCE = { freshMs: 2_000, withinMs: 2_000 }

interface SharedMetricsOptions {
  readonly redis: RedisConfig
  /** Orgs of the configuration. Others are known once a worker has worked for them. */
  readonly configured: readonly string[]
  readonly log: Logger
  /** For how long a reading is good, and how long it may take. */
  readonly patience?: typeof PATIENCE
}

interface SharedMetrics {
  readonly read: Observe
  close(): void
}

/** Over a connection of its own: behind an upload's frames a scrape would have to wait. */
export function openSharedMetrics({
  redis: where,
  configured,
  log,
  patience = PATIENCE,
}: SharedMetricsOptions): SharedMetrics {
  const redis = connectRedis(where, 'fail-fast', (error) => {
    log.debug({ err: error }, 'Redis is in trouble.')
  })
  const read = cachedRead(() => readAll(redis, configured, log), patience)
  return { read: async () => (await read()) ?? { redisUp: false }, close: () => redis.disconnect() }
}

async function readAll(
  redis: RedisClient,
  configured: readonly string[],
  log: Logger,
): Promise<Observed> {
  const [memoryRatio, workedFor] = await Promise.all([readMemoryRatio(redis), orgsWorkedFor(redis)])
  const orgs = [...new Set([...configured, ...workedFor])]
  const facts = await Promise.all(orgs.map((org) => factsOf(redis, org, log)))
  return { redisUp: true, memoryRatio, orgs: facts.filter((one) => one !== null) }
}

/** Null where what the org has in Redis cannot be read; that hides no other. */
async function factsOf(redis: RedisClient, org: string, log: Logger): Promise<OrgFacts | null> {
  try {
    return await readOrgFacts(redis, org)
  } catch (error) {
    if (troubleOf(error) !== null) throw error
    log.warn({ err: error, org }, `The org cannot be told of in the metrics: ${messageOf(error)}`)
    return null
  }
}
