import type { TracingConfig } from '../../config/config.ts'
import type { TracingOptions } from './sdk.ts'

/**
 * Traces what this process does from now on; to be called before queues are opened. Where no traces
 * are wanted nothing of OpenTelemetry is loaded.
 *
 * @returns ends it, and sends the spans that are left within a second
 */
export async function startTracing(
  config: TracingConfig | null,
  options: TracingOptions,
): Promise<() => Promise<void>> {
  if (config === null) return async () => {}
  const { startSdk } = await import('./sdk.ts')
  const stop = startSdk(config, options)
  if (stop === null) {
    options.log.warn('Another OpenTelemetry SDK runs in this process; no traces of Expunge here.')
    return async () => {}
  }
  const { endpoint, sampler } = config
  options.log.info({ endpoint, sampler }, 'Tracing.')
  return stop
}
