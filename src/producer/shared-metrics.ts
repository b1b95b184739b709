import { cachedRead } from '../shared/base/cached-read.ts'
import { messageOf } from '../shared/base/errors.ts'
import type { Logger } from '../shared/base/logger.ts'
import { type OrgFacts, readOrgFacts } from '../shared/store/org-facts.ts'
import { orgsWorkedFor } from '../shared/store/presence.ts'
import type { QueueName } from '../shared/store/queues/queues.ts'
import { memoryRatio } from '../shared/store/redis/memory.ts'
import { connectRedis, type RedisClient, type RedisConfig } from '../shared/store/redis/redis.ts'
import { troubleOf } from '../shared/store/redis/trouble.ts'
import { PAUSED_BY } from '../shared/telemetry/metrics/labels.ts'
import type { GaugeReadings, ReadGauges } from '../shared/telemetry/metrics/readings.ts'

/**
 * Facts that all processes share, read from Redis when they are asked for: every producer tells the
 * same, so queries take the maximum. Where Redis does not answer there is nothing to tell, only that.
 */

/**
 * Two Prometheus servers, or a scrape and a look by hand, are served by one reading. A server waits
 * for ten seconds, and is to have the rest of the page by then.
 */
const PATIENCE = { freshMs: 2_000, withinMs: 2_000 }

const DOWN: GaugeReadings = { redisUp: [{ labels: {}, value: 0 }] }

interface SharedMetricsOptions {
  readonly redis: RedisConfig
  /** Orgs of the configuration. Others are known once a worker has worked for them. */
  readonly configured: readonly string[]
  readonly log: Logger
  /** For how long a reading is good, and how long it may take. */
  readonly patience?: typeof PATIENCE
}

interface SharedMetrics {
  readonly read: ReadGauges
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
  return { read: async () => (await read()) ?? DOWN, close: () => redis.disconnect() }
}

async function readAll(
  redis: RedisClient,
  configured: readonly string[],
  log: Logger,
): Promise<GaugeReadings> {
  const [memory, workedFor] = await Promise.all([memoryRatio(redis), orgsWorkedFor(redis)])
  const orgs = [...new Set([...configured, ...workedFor])]
  const facts = await Promise.all(orgs.map((org) => factsOf(redis, org, log)))
  return {
    redisUp: [{ labels: {}, value: 1 }],
    redisMemory: [{ labels: {}, value: memory }],
    ...toReading(facts.filter((one) => one !== null)),
  }
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

/** The facts of all orgs, as samples. */
function toReading(facts: readonly OrgFacts[]): GaugeReadings {
  return { ...ofRequests(facts), ...ofQueues(facts), ...ofOrgs(facts) }
}

function ofRequests(facts: readonly OrgFacts[]): GaugeReadings {
  const standings = facts.flatMap(({ org, requests }) =>
    [...requests].map(([status, standing]) => ({ labels: { org, status }, ...standing })),
  )
  return {
    requests: standings.map(({ labels, count }) => ({ labels, value: count })),
    oldestRequest: standings.map(({ labels, oldestSeconds }) => ({ labels, value: oldestSeconds })),
  }
}

function ofQueues(facts: readonly OrgFacts[]): GaugeReadings {
  const all = facts.flatMap(({ org, queues }) =>
    [...queues].map(([queue, jobs]) => ({ labels: { org, queue }, jobs })),
  )
  return {
    queueJobs: all.flatMap(({ labels, jobs: { waiting, active, delayed } }) =>
      Object.entries({ waiting, active, delayed }).map(([state, value]) => ({
        labels: { ...labels, state },
        value,
      })),
    ),
    oldestWaiting: all.map(({ labels, jobs }) => ({ labels, value: jobs.oldestSeconds })),
    inFlight: all.flatMap(({ labels: { org, queue }, jobs: { active } }) => {
      const lane = LANES[queue]
      return lane === null ? [] : [{ labels: { org, lane }, value: active }]
    }),
  }
}

/** Of the queues of ingest jobs, by the name that the metrics have for each. */
const LANES: Readonly<Record<QueueName, string | null>> = {
  'ingest-jobs': 'bulk',
  'ingest-jobs-urgent': 'urgent',
  requests: null,
  callbacks: null,
}

function ofOrgs(facts: readonly OrgFacts[]): GaugeReadings {
  const limits = facts.flatMap(({ org, quota }) =>
    [...quota].map(([limit, left]) => ({ labels: { org, limit }, ...left })),
  )
  return {
    inFlightLimit: facts.flatMap(({ org, maxInFlight, urgentInFlight }) =>
      Object.entries({ bulk: maxInFlight, urgent: urgentInFlight }).flatMap(([lane, value]) =>
        value === null ? [] : [{ labels: { org, lane }, value }],
      ),
    ),
    limit: limits.map(({ labels, max }) => ({ labels, value: max })),
    limitRemaining: limits.map(({ labels, remaining }) => ({ labels, value: remaining })),
    paused: facts.flatMap(({ org, pause: { operator, fault } }) =>
      PAUSED_BY.map((reason) => {
        const isPaused = reason === 'operator' ? operator !== null : fault?.reason === reason
        return { labels: { org, reason }, value: isPaused ? 1 : 0 }
      }),
    ),
    workers: facts.map(({ org, workers }) => ({ labels: { org }, value: workers })),
  }
}
