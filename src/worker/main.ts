import process from 'node:process'
import { ExpungeError } from '../shared/base/errors.ts'
import { createLogger } from '../shared/base/logger.ts'
import { Closers, stopSignal } from '../shared/base/shutdown.ts'
import { loadConfig } from '../shared/config/config.ts'
import { createMetrics } from '../shared/telemetry/metrics/metrics.ts'
import { startStatusServer } from '../shared/telemetry/status-server.ts'
import { startTracing } from '../shared/telemetry/tracing/tracing.ts'
import { startWorker } from './worker.ts'

/** No org is left to work for: whoever starts the process has to see to it. */
class HaltedError extends ExpungeError {
  readonly code = 'HALTED'
}

/**
 * The process edge of a worker: settings from the environment, signals, health. Runs until SIGTERM,
 * SIGINT or SIGHUP, then hands over what it has in hand and returns; a second signal ends it at once.
 *
 * @throws ConfigError, IdentityError and others before any work has begun
 */
export async function runWorkerProcess({ version }: { version: string }): Promise<void> {
  const config = await loadConfig(process.env, { redis: 'required', salesforce: 'required' })
  const log = createLogger({ level: config.logLevel, name: 'worker' })
  for (const warning of config.warnings) log.warn(warning)
  if (config.redis === null) throw new TypeError('Redis is required.')

  const stop = stopSignal(process)
  const metrics = createMetrics({ version, role: 'worker' })
  const closers = new Closers()
  let ready = async (): Promise<string | null> => 'not logged in to every org yet'
  try {
    const objects = config.objects.keys()
    closers.add(await startTracing(config.tracing, { role: 'worker', version, objects, log }))
    const status = await startStatusServer({
      ...config.metrics,
      registry: metrics.registry,
      ready: () => ready(),
    })
    closers.add(() => status.close())
    log.info({ url: status.url, version }, 'Serving /metrics, /healthz and /readyz.')
    const worker = await startWorker({ config, redis: config.redis, metrics, log }, stop.signal)
    closers.add(() => worker.stop())
    ready = () => worker.ready()
    log.info({ orgs: [...worker.orgs.keys()] }, 'Worker started.')
    const halted = worker.halted.then((reason) => Promise.reject(new HaltedError(reason)))
    await Promise.race([stop.requested, halted])
    log.info(
      { active: [...worker.orgs.values()].reduce((sum, org) => sum + org.active, 0) },
      'Handing over.',
    )
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    await closers.closeAll()
    stop.forget()
  }
  log.info('Worker stopped.')
}
