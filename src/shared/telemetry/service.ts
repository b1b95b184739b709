import { createLogger, type Logger } from '../base/logger.ts'
import { type Signals, stopSignal } from '../base/shutdown.ts'
import { type Config, loadConfig, type TracingConfig } from '../config/config.ts'
import { showRedis } from '../config/redis.ts'
import type { RedisConfig } from '../store/redis/redis.ts'
import { createMetrics, type Metrics } from './metrics/metrics.ts'
import { startStatusServer } from './status-server.ts'
import type { startSdk } from './tracing/sdk.ts'

/** The environment and signals of a process; in production `process`. */
export interface ServiceHost extends Signals {
  readonly env: NodeJS.ProcessEnv
  /** Where log lines go, if not to stderr. */
  readonly logTo?: { write(line: string): void }
}

interface ServiceOptions {
  readonly role: 'producer' | 'worker'
  readonly version: string
  /** Whether it logs in to Salesforce. */
  readonly salesforce: 'required' | 'none'
  /** Orgs of the configuration that it works for; all by default. */
  readonly orgs?: readonly string[] | undefined
}

/** A process that runs until it is told to stop. */
interface Service {
  readonly config: Config
  readonly redis: RedisConfig
  readonly metrics: Metrics
  readonly log: Logger
  readonly version: string
  /** `signal` aborts and `stopRequested` resolves once the process should stop. */
  readonly signal: AbortSignal
  readonly stopRequested: Promise<void>
  /** Closed at the end, in reverse order. */
  readonly opened: AsyncDisposableStack
  /**
   * Serves metrics and health.
   *
   * @param ready null if the process can do its work, else what is missing
   * @param gaps what it cannot do although it is ready
   */
  serveStatus(ready: () => Promise<string | null>, gaps?: () => readonly string[]): Promise<void>
}

/**
 * Sets up a process: settings from the environment, log, signals, traces, metrics. Runs `serve`
 * until it returns, which it does on SIGTERM, SIGINT or SIGHUP, then closes what was opened. A
 * second signal ends the process at once.
 */
export async function runService(
  host: ServiceHost,
  { role, version, salesforce, orgs }: ServiceOptions,
  serve: (service: Service) => Promise<void>,
): Promise<void> {
  const config = await loadConfig(host.env, { redis: 'required', salesforce, orgs })
  const destination = host.logTo === undefined ? {} : { destination: host.logTo }
  const log = createLogger({ level: config.logLevel, name: role, ...destination })
  for (const warning of config.warnings) log.warn(warning)
  const { redis } = config
  if (redis === null) throw new TypeError('Redis is required.')

  const stop = stopSignal(host)
  const metrics = createMetrics({ version, role })
  const opened = new AsyncDisposableStack()
  const serveStatus: Service['serveStatus'] = async (ready, gaps) => {
    const { registry } = metrics
    const status = await startStatusServer({ ...config.metrics, registry, ready, gaps })
    opened.defer(() => status.close())
    log.info(
      { url: status.url, redis: showRedis(redis), version },
      'Serving /metrics, /healthz and /readyz.',
    )
  }
  try {
    const objects = config.objects.keys()
    opened.defer(await startTracing(config.tracing, { role, version, objects, log }))
    const parts = { config, redis, metrics, log, version, opened, serveStatus }
    await serve({ ...parts, signal: stop.signal, stopRequested: stop.requested })
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    await opened.disposeAsync()
    stop.forget()
  }
  log.info(`${role === 'worker' ? 'Worker' : 'Producer'} stopped.`)
}

/**
 * Starts tracing; call it before queues are opened. If tracing is off, OpenTelemetry is not loaded.
 *
 * @returns a function that stops tracing and sends the remaining spans within a second
 */
export async function startTracing(
  config: TracingConfig | null,
  options: Parameters<typeof startSdk>[1],
): Promise<() => Promise<void>> {
  if (config === null) return async () => {}
  const sdk = await import('./tracing/sdk.ts')
  const stop = sdk.startSdk(config, options)
  if (stop === null) {
    options.log.warn('Another OpenTelemetry SDK runs in this process. Expunge sends no traces.')
    return async () => {}
  }
  const { endpoint, sampler } = config
  options.log.info({ endpoint, sampler }, 'Tracing.')
  return stop
}
