import { cachedRead } from '../shared/base/cached-read.ts'
import { messageOf } from '../shared/base/errors.ts'
import type { Logger } from '../shared/base/logger.ts'
import { type OrgFacts, readOrgFacts } from '../shared/store/org-facts.ts'
import { orgsWorkedFor } from '../shared/store/presence.ts'
import { memoryRatio } from '../shared/store/redis/memory.ts'
import type { RedisClient } from '../shared/store/redis/redis.ts'
import { troubleOf } from '../shared/store/redis/trouble.ts'
import type { Observe, Observed } from '../shared/telemetry/metrics/readings.ts'

/**
 * Facts that all processes share are read from Redis at a scrape. Every producer exports the same
 * values, so queries take the maximum. If Redis does not answer, only that is exported.
 */

/**
 * One reading serves several Prometheus servers. Prometheus waits for ten seconds, within which the
 * rest of the page must arrive too.
 */
const CACHE = { freshMs: 2_000, withinMs: 2_000 }

interface SharedMetricsOptions {
  /** Not the connection for uploads, whose frames would delay a scrape. */
  readonly redis: RedisClient
  /** Orgs of the configuration. Others are known once a worker has worked for them. */
  readonly configured: readonly string[]
  readonly log: Logger
  /** How long a reading is valid, and how long it may take. */
  readonly cache?: typeof CACHE
}

export function sharedMetrics({
  redis,
  configured,
  log,
  cache = CACHE,
}: SharedMetricsOptions): Observe {
  const read = cachedRead(() => readAll(redis, configured, log), cache)
  return async () => (await read()) ?? { redisUp: false }
}

async function readAll(
  redis: RedisClient,
  configured: readonly string[],
  log: Logger,
): Promise<Observed> {
  const [memory, workedFor] = await Promise.all([memoryRatio(redis), orgsWorkedFor(redis)])
  const orgs = [...new Set([...configured, ...workedFor])]
  const facts = await Promise.all(orgs.map((org) => factsOf(redis, org, log)))
  return { redisUp: true, memoryRatio: memory, orgs: facts.filter((one) => one !== null) }
}

/** Null if the org's keys in Redis cannot be read; the other orgs are still exported. */
async function factsOf(redis: RedisClient, org: string, log: Logger): Promise<OrgFacts | null> {
  try {
    return await readOrgFacts(redis, org)
  } catch (error) {
    if (troubleOf(error) !== null) throw error
    log.warn({ err: error, org }, `The metrics of the org cannot be read: ${messageOf(error)}`)
    return null
  }
}
