import { cachedRead } from '../shared/base/cached-read.ts'
import type { Clock } from '../shared/base/clock.ts'
import { ShutdownError } from '../shared/base/context.ts'
import type { Logger } from '../shared/base/logger.ts'
import { raceAbort } from '../shared/base/race.ts'
import { closeEach } from '../shared/base/shutdown.ts'
import type { Config, OrgConfig } from '../shared/config/config.ts'
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
import { openOrg } from './org/opening.ts'
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
  /** The orgs that it works for, by name. Those that could not be opened are added later. */
  readonly orgs: ReadonlyMap<string, OrgWorker>
  /** Resolves with the reasons once the work for every org has stopped on its own. */
  readonly halted: Promise<string>
  /** Why it does not work for an org, by its name. */
  readonly troubles: ReadonlyMap<string, string>
  /** Null if the worker can work for any org, else what is missing. */
  ready(): Promise<string | null>
  /** Hands over the current jobs within seconds. No attempt is spent. */
  stop(): Promise<void>
}

/** How long a stop waits for the results store before it lets go of its calls. */
const STORE_GRACE_MS = 3000

/** A larger difference between clocks is logged, because logs and certificates depend on it. */
const TOLD_FROM_MS = 5_000

/**
 * Starts a worker for every org of the configuration, over one connection to Redis. It has started
 * once it works for one of them; the others are opened as soon as they can be.
 *
 * @throws the first org's error if no org can be opened, other than for a fault that may pass
 */
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
  const all: ReturnType<typeof openOrg>[] = []
  const reading = redisReading(redis)
  metrics.observe(async () => ({
    ...(await reading()),
    served: all.map(({ org, trouble }) => ({ org, isServed: trouble === null })),
  }))
  // Redis may be away for hours. A stop does not wait for it.
  warnOf(await raceAbort(assertUsable(redis, options.redis), until), log)
  onStarted()
  const clock = options.clock ?? (await sharedClock(redis, options, opening, until))
  const storeCalls = new AbortController()
  const results = await raceAbort(openResultsStore(config.results, storeCalls.signal), until)
  opening.defer(() => results.close())
  const callbacks = await openCallbacks(config.callbacks, log)
  const parts: WorkerParts = { config, results, metrics, log, clock, callbacks, only }
  const stores = openStores(redis, onError)
  opening.defer(() => stores.close())
  const open = (org: OrgConfig) =>
    openOrg(
      org.name,
      (delayed) => startOrgWorker(stores.of(org.name), org, parts, until, delayed),
      { log, clock, signal: until },
    )
  for (const org of config.orgs.values()) all.push(open(org))
  // Concurrently: each may take seconds if Redis does not answer.
  opening.defer(() => closeEach(all, (org) => org.stop()))
  opening.defer(() => starting.abort(new ShutdownError('The worker stops.')))
  await anyStarted(all, until)
  const opened = opening.move()
  const troubles = () =>
    new Map(all.flatMap(({ org, trouble }) => (trouble === null ? [] : [[org, trouble]])))
  return {
    get troubles() {
      return troubles()
    },
    get orgs() {
      return new Map(all.flatMap(({ org, worker }) => (worker === null ? [] : [[org, worker]])))
    },
    halted: Promise.all(all.map((org) => org.halted)).then((reasons) => reasons.join(' ')),
    ready: async () => {
      if (redis.status !== 'ready') return 'Redis does not answer'
      if (lateTrouble(redis) !== null) return 'Redis takes no writes'
      // One org's trouble must not hold up a deployment that works for the others.
      const isAnyServed = all.some(({ trouble }) => trouble === null)
      return isAnyServed ? null : [...troubles().values()].join(' ')
    },
    stop: async () => {
      const letGo = () => storeCalls.abort(new ShutdownError('The worker stops.'))
      const timer = setTimeout(letGo, STORE_GRACE_MS)
      await opened.disposeAsync().finally(() => clearTimeout(timer))
    },
  }
}

/** Resolves once one org is worked for. @throws the first one's error if the first try of all failed */
async function anyStarted(
  all: readonly ReturnType<typeof openOrg>[],
  until: AbortSignal,
): Promise<void> {
  try {
    await Promise.any(all.map(({ firstTry }) => firstTry))
  } catch (error) {
    until.throwIfAborted()
    throw error instanceof AggregateError ? error.errors[0] : error
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
