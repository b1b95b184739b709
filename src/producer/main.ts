import process from 'node:process'
import { createLogger } from '../shared/base/logger.ts'
import { Closers, stopSignal } from '../shared/base/shutdown.ts'
import { loadConfig } from '../shared/config/config.ts'
import { createMetrics } from '../shared/telemetry/metrics/metrics.ts'
import { startStatusServer } from '../shared/telemetry/status-server.ts'
import { startTracing } from '../shared/telemetry/tracing/tracing.ts'
import { startService } from './http/start.ts'
import { openSharedMetrics } from './shared-metrics.ts'

/**
 * The process edge of the HTTP service: settings from the environment, signals, health. Runs until
 * SIGTERM, SIGINT or SIGHUP, then ends what is in flight and returns; a second signal ends it at once.
 *
 * @throws ConfigError, IdentityError, RedisUnusableError before anything is served
 */
export async function runProducerProcess({ version }: { version: string }): Promise<void> {
  const config = await loadConfig(process.env, { redis: 'required', salesforce: 'none' })
  const log = createLogger({ level: config.logLevel, name: 'producer' })
  for (const warning of config.warnings) log.warn(warning)
  if (config.redis === null) throw new TypeError('Redis is required.')

  const stop = stopSignal(process)
  const metrics = createMetrics({ version, role: 'producer' })
  const closers = new Closers()
  let ready = async (): Promise<string | null> => 'not connected to Redis yet'
  try {
    const objects = config.objects.keys()
    closers.add(await startTracing(config.tracing, { role: 'producer', version, objects, log }))
    const configured = [...config.orgs.keys()]
    const shared = openSharedMetrics({ redis: config.redis, configured, log })
    closers.add(() => shared.close())
    metrics.observe(shared.read)
    const status = await startStatusServer({
      ...config.metrics,
      registry: metrics.registry,
      ready: () => ready(),
    })
    closers.add(() => status.close())
    log.info({ url: status.url, version }, 'Serving /metrics, /healthz and /readyz.')
    const parts = { config, redis: config.redis, metrics, log, version }
    const service = await startService(parts, stop.signal)
    closers.add(() => service.stop())
    ready = () => service.ready()
    log.info({ url: service.url }, 'Producer started.')
    await stop.requested
    log.info('Ending what is in flight.')
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    await closers.closeAll()
    stop.forget()
  }
  log.info('Producer stopped.')
}
