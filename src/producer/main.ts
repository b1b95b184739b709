import { connectRedis } from '../shared/store/redis/redis.ts'
import { runService, type ServiceHost } from '../shared/telemetry/service.ts'
import { startService } from './http/start.ts'
import { sharedMetrics } from './shared-metrics.ts'

/**
 * The HTTP service process. Runs until a stop signal, then waits for calls in flight.
 *
 * @throws ConfigError, IdentityError, RedisUnusableError before anything is served
 */
export async function runProducerProcess(
  host: ServiceHost,
  { version }: { version: string },
): Promise<void> {
  const options = { role: 'producer', version, salesforce: 'none' } as const
  await runService(host, options, async (service) => {
    const { config, redis, log, opened } = service
    const counting = connectRedis(redis, 'fail-fast', (error) => {
      log.debug({ err: error }, 'Redis connection error.')
    })
    opened.defer(() => counting.disconnect())
    const configured = [...config.orgs.keys()]
    service.metrics.observe(sharedMetrics({ redis: counting, configured, log }))
    let ready = async (): Promise<string | null> => 'not connected to Redis yet'
    await service.serveStatus(() => ready())
    const served = await startService({ ...service, counting }, service.signal)
    opened.defer(() => served.stop())
    ready = () => served.ready()
    log.info({ url: served.url }, 'Producer started.')
    await service.stopRequested
    log.info('Waiting for calls in flight.')
  })
}
