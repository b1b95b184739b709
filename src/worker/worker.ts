import { type Clock, systemClock } from '../shared/clock.ts'
import type { Config } from '../shared/config.ts'
import type { Logger } from '../shared/logger.ts'
import type { Metrics } from '../shared/metrics.ts'
import { openOrgStore } from '../shared/org-store.ts'
import { assertUsable, connectRedis, type RedisConfig, type RedisFacts } from '../shared/redis.ts'
import { openResultsStore } from '../shared/results.ts'
import { Closers, closeEach } from '../shared/shutdown.ts'
import { unlessAborted } from '../shared/unless-aborted.ts'
import { ShutdownError } from './context.ts'
import { type OrgWorker, startOrgWorker, type WorkerParts } from './org-worker.ts'

export interface WorkerOptions {
  readonly config: Config
  readonly redis: RedisConfig
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock?: Clock
}

export interface RunningWorker {
  /** By org name. */
  readonly orgs: ReadonlyMap<string, OrgWorker>
  /** Null where work can go on, else what is missing. */
  ready(): Promise<string | null>
  /** Jobs in hand are handed over within seconds; no attempt is spent. */
  stop(): Promise<void>
}

/** Starts working for every org of the configuration, over one connection to Redis. */
export async function startWorker(
  options: WorkerOptions,
  signal?: AbortSignal,
): Promise<RunningWorker> {
  const { config, metrics, log, clock = systemClock } = options
  const closers = new Closers()
  const starting = new AbortController()
  const until = signal === undefined ? starting.signal : AbortSignal.any([signal, starting.signal])
  const onError = (error: Error) => log.error({ err: error }, 'Redis is in trouble.')
  try {
    const redis = connectRedis(options.redis, 'wait', onError)
    closers.add(() => redis.disconnect())
    // Redis may be away for hours; whoever stops meanwhile is not kept waiting.
    warnOf(await unlessAborted(assertUsable(redis), until), log)
    const results = await openResultsStore(config.results.path)
    const parts: WorkerParts = { config, results, metrics, log, clock }
    const orgs = new Map<string, OrgWorker>()
    const stores = new Map(
      [...config.orgs.keys()].map((name) => [name, openOrgStore(redis, name, onError)]),
    )
    closers.add(() => closeEach(stores.values(), (store) => store.close()))
    // At once, not one after the other: each may take seconds where Redis does not answer.
    closers.add(() => closeEach(orgs.values(), (worker) => worker.stop()))
    const starts = [...config.orgs.values()].map(async (org) => {
      const store = stores.get(org.name)
      if (store === undefined) throw new TypeError(`Org ${org.name} goes by another name.`)
      orgs.set(org.name, await startOrgWorker(store, org, parts, until))
    })
    await allOrNone(starts, starting)
    return {
      orgs,
      ready: async () => (redis.status === 'ready' ? null : 'Redis does not answer'),
      stop: () => closers.closeAll(),
    }
  } catch (error) {
    starting.abort(new ShutdownError('The worker could not start.'))
    await closers.closeAll()
    throw error
  }
}

/** The first that fails stops the others, and each has ended before the failure is told. */
async function allOrNone(starts: Promise<void>[], starting: AbortController): Promise<void> {
  try {
    await Promise.all(starts)
  } catch (error) {
    starting.abort(new ShutdownError('The worker could not start.'))
    await Promise.allSettled(starts)
    throw error
  }
}

/** What would lose ids or requests one day is said on every start. */
function warnOf(facts: RedisFacts, log: Logger): void {
  if (facts.evictionPolicy !== 'noeviction') {
    log.warn(
      { policy: facts.evictionPolicy },
      'Redis may evict what was entrusted to it: set maxmemory-policy to noeviction.',
    )
  }
  if (!facts.appendOnly) {
    log.warn(
      'Redis keeps no append-only file: a restart of it would lose requests. Set appendonly to yes.',
    )
  }
}
