import { type Clock, systemClock } from '../shared/clock.ts'
import type { Config } from '../shared/config.ts'
import type { Logger } from '../shared/logger.ts'
import type { Metrics } from '../shared/metrics.ts'
import { openOrgStore } from '../shared/org-store.ts'
import { assertUsable, connectRedis, type RedisConfig, type RedisFacts } from '../shared/redis.ts'
import { openResultsStore } from '../shared/results.ts'
import { Closers } from '../shared/shutdown.ts'
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
    warnOf(await unlessAborted(assertUsable(redis), until), log)
    const results = await openResultsStore(config.results.path)
    const parts: WorkerParts = { config, results, metrics, log, clock }
    const start = async (org: Parameters<typeof startOrgWorker>[1]) => {
      const store = openOrgStore(redis, org.name, onError)
      closers.add(() => store.close())
      const worker = await startOrgWorker(store, org, parts, until)
      closers.add(() => worker.stop())
      return [org.name, worker] as const
    }
    const orgs = new Map(await allOrNone([...config.orgs.values()].map(start), starting))
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

/** Redis may be away for hours; whoever stops meanwhile is not kept waiting. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', abort))
}

/** The first that fails stops the others, and each has ended before the failure is told. */
async function allOrNone<T>(starts: Promise<T>[], starting: AbortController): Promise<T[]> {
  try {
    return await Promise.all(starts)
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
