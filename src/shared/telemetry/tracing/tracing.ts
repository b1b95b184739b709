import type { TracingConfig } from '../../config/config.ts'
import type { TracingOptions } from './options.ts'

/**
 * Traces what this process does from now on, so call it before queues are opened. Where none are
 * wanted nothing of OpenTelemetry is loaded.
 *
 * @returns what ends it: spans that are left are sent, within a second
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
