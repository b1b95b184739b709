import { createLogger } from '../../src/shared/base/logger.ts'
import { loadConfig } from '../../src/shared/config/config.ts'
import { createMetrics } from '../../src/shared/telemetry/metrics/metrics.ts'
import { startWorker } from '../../src/worker/worker.ts'
import type { Place } from './spawn.ts'

/** What `expunge worker` runs, within this process. Call what it gives before the test ends. */
export async function startWorkerHere(
  { env }: Place,
  own: Readonly<Record<string, string>>,
): Promise<() => Promise<void>> {
  const settings = { ...env, ...own }
  const config = await loadConfig(settings, { redis: 'required', salesforce: 'required' })
  if (config.redis === null) throw new TypeError('Redis is required.')
  const metrics = createMetrics({ version: 'test', role: 'worker' })
  const log = createLogger({ level: 'silent' })
  const worker = await startWorker({ config, redis: config.redis, metrics, log })
  return () => worker.stop()
}
