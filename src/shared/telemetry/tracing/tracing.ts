import type { TracingConfig } from '../../config/config.ts'
import type { startSdk } from './sdk.ts'

/**
 * Traces what this process does from now on; to be called before queues are opened. Where no traces
 * are wanted nothing of OpenTelemetry is loaded.
 *
 * @returns ends it, and sends the spans that are left within a second
 */
export async function startTracing(
  config: TracingConfig | null,
  options: Parameters<typeof startSdk>[1],
): Promise<() => Promise<void>> {
  if (config === null) return async () => {}
  const sdk = await import('./sdk.ts')
  const stop = sdk.startSdk(config, options)
  if (stop === null) {
    options.log.warn('Another OpenTelemetry SDK runs in this process; no traces of Expunge here.')
    return async () => {}
  }
  const { endpoint, sampler } = config
  options.log.info({ endpoint, sampler }, 'Tracing.')
  return stop
}
