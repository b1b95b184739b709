import { cachedRead } from '../shared/base/cached-read.ts'
import type { Clock } from '../shared/base/clock.ts'
import { ShutdownError } from '../shared/base/context.ts'
import type { Logger } from '../shared/base/logger.ts'
import { raceAbort } from '../shared/base/race.ts'
import { closeEach } from '../shared/base/shutdown.ts'
import type { Config } from '../shared/config/config.ts'
import { openResultsStore } from '../shared/results/open.ts'
import { openStores } from '../shared/store/org-store.ts'
import { outageTeller } from '../shared/store/redis/outage-teller.ts'
import {
  assertUsable,
  connectRedis,
  lateTrouble,
  type RedisClient,
  type RedisConfig,
  type RedisFacts,
} from '../shared/store/redis/redis.ts'
import { openServerClock } from '../shared/store/redis/server-clock.ts'
import type { Metrics } from '../shared/telemetry/metrics/metrics.ts'
import type { Observe } from '../shared/telemetry/metrics/readings.ts'
import { openCallbacks } from './callbacks/deliver.ts'
import { FAILURE_CODES } from './ingest/row-error.ts'
import type { OnlyRequest, WorkerParts } from './org/chores.ts'
import { type OrgWorker, startOrgWorker } from './org/org-worker.ts'

interface WorkerOptions {
  readonly config: Config
  readonly redis: RedisConfig
  readonly metrics: Metrics
  readonly log: Logger
  /** For tests. Default: Redis's time. */
  readonly clock?: Clock
  /** This machine's clock, for tests that set it wrong. */
  readonly machine?: Clock
  /** Works on this request only, and leaves all other jobs in the queue. */
  readonly only?: OnlyRequest
}

export interface RunningWorker {
  /** By org name. */
  readonly orgs: ReadonlyMap<string, OrgWorker>
  /** Resolves with the reasons once the work for every org has stopped on its own. */
  readonly halted: Promise<string>
  /** Null if the worker can work, else what is missing. */
  ready(): Promise<string | null>
  /** Hands over the current jobs within seconds. No attempt is spent. */
  stop(): Promise<void>
}

/** A larger difference between clocks is logged, because logs and certificates depend on it. */
const TOLD_FROM_MS = 5_000

/** Starts a worker for every org of the configuration, over one connection to Redis. */
export async function startWorker(
  options: WorkerOptions,
  signal?: AbortSignal,
): Promise<RunningWorker> {
  const { config, metrics, log, only = null } = options
  await using opening = new AsyncDisposableStack()
  const starting = new AbortController()
  const until = signal === undefined ? starting.signal : AbortSignal.any([signal, starting.signal])
  const { onError, onReady, onStarted } = outageTeller(log, {
    note: 'Work waits.',
    isExplained: true,
  })
  const redis = connectRedis(options.redis, 'wait', onError)
  redis.on('ready', onReady)
  opening.defer(() => redis.disconnect())
  expectAll(config, metrics)
  metrics.observe(redisReading(redis))
  // Redis may be away for hours. A stop does not wait for it.
  warnOf(await raceAbort(assertUsable(redis, options.redis), until), log)
  onStarted()
  const clock = options.clock ?? (await sharedClock(redis, options, opening, until))
  const results = await raceAbort(openResultsStore(config.results), until)
  const callbacks = await openCallbacks(config.callbacks, log)
  const parts: WorkerParts = { config, results, metrics, log, clock, callbacks, only }
  const orgs = new Map<string, OrgWorker>()
  const stores = openStores(redis, onError)
  opening.defer(() => stores.close())
  // Concurrently: each may take seconds if Redis does not answer.
  opening.defer(() => closeEach(orgs.values(), (worker) => worker.stop()))
  const starts = [...config.orgs.values()].map(async (org) => {
    orgs.set(org.name, await startOrgWorker(stores.of(org.name), org, parts, until))
  })
  await allOrNone(starts, starting)
  const opened = opening.move()
  return {
    orgs,
    halted: Promise.all([...orgs.values()].map((org) => org.halted)).then((all) => all.join(' ')),
    ready: async () => {
      if (redis.status !== 'ready') return 'Redis does not answer'
      if (lateTrouble(redis) !== null) return 'Redis takes no writes'
      return [...orgs.values()].find(({ trouble }) => trouble !== null)?.trouble ?? null
    },
    stop: () => opened.disposeAsync(),
  }
}

/** Times that other processes wrote are compared with Redis's time, never with this machine's. */
async function sharedClock(
  redis: RedisClient,
  { machine, log }: WorkerOptions,
  opening: AsyncDisposableStack,
  until: AbortSignal,
): Promise<Clock> {
  const clock = await raceAbort(openServerClock(redis, machine), until)
  opening.defer(() => clock.close())
  if (Math.abs(clock.aheadMs) > TOLD_FROM_MS) {
    log.warn(
      { aheadMs: clock.aheadMs },
      'The clock of this machine differs from that of Redis, whose time is used for everything. Check the time service on both.',
    )
  }
  return clock
}

function expectAll({ orgs, objects }: Config, metrics: Metrics): void {
  metrics.expect({
    orgs: [...orgs.keys()],
    objects: [...objects.keys()],
    failureCodes: FAILURE_CODES,
  })
}

/** Whether this worker can work with Redis. Producers report what Redis holds. */
function redisReading(redis: RedisClient): Observe {
  const pinged = cachedRead(() => redis.ping(), { freshMs: 1000, withinMs: 1000 })
  return async () => {
    const isUp = redis.status === 'ready' && (await pinged()) !== null
    // A replica, or a server whose disk is full, answers pings but takes no writes.
    return { redisUp: isUp && lateTrouble(redis) === null }
  }
}

/** The first failure stops the others. All have ended when it is thrown. */
async function allOrNone(starts: Promise<void>[], starting: AbortController): Promise<void> {
  try {
    await Promise.all(starts)
  } catch (error) {
    starting.abort(new ShutdownError('The worker could not start.'))
    await Promise.allSettled(starts)
    throw error
  }
}

/** Warns at every start about Redis settings that can lose ids or requests. */
function warnOf(facts: RedisFacts, log: Logger): void {
  if (facts.evictionPolicy !== 'noeviction') {
    log.warn(
      { policy: facts.evictionPolicy },
      'Redis would evict data once maxmemory is reached. Set maxmemory-policy to noeviction.',
    )
  }
  if (!facts.appendOnly) {
    log.warn(
      'Redis has no append-only file, as redis.volatile allows. If Redis restarts, requests and the outcome of running deletions are lost.',
    )
  }
}
