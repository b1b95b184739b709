import type { z } from 'zod'
import type { ConfigProblem } from '../base/errors.ts'
import type { Environment } from './environment.ts'
import { SETTINGS } from './schema.ts'
import { Settings } from './settings.ts'

/**
 * Where traces are sent and which are sampled, from OpenTelemetry's own variables. The SDK reads
 * the others itself: headers (which may contain secrets), certificates, compression, timeouts,
 * resource.
 */
export interface TracingConfig {
  /** The full URL that spans are posted to. */
  readonly endpoint: string
  readonly sampler: z.output<(typeof SETTINGS)['tracing']['sampler']>
  /** From 0 to 1, for the ratio samplers. */
  readonly ratio: number
}

/**
 * @returns null if no endpoint is given or tracing is off: then nothing else is validated, because
 *   a platform may set these variables for all its processes
 */
export function readTracing(
  environment: Environment,
  problems: ConfigProblem[],
): TracingConfig | null {
  const settings = new Settings(SETTINGS.tracing, [environment.source(SETTINGS.tracing)], problems)
  const isGiven = (key: keyof (typeof SETTINGS)['tracing']) => settings.namesOf(key).length > 0
  const own = isGiven('tracesEndpoint')
  const isDisabled = settings.get('disabled')?.trim().toLowerCase() === 'true'
  if (isDisabled || !(own || isGiven('endpoint'))) return null
  if (settings.get('exporter') === 'none') return null
  settings.get(isGiven('tracesProtocol') ? 'tracesProtocol' : 'protocol')
  const url = settings.get(own ? 'tracesEndpoint' : 'endpoint')
  const sampler = settings.get('sampler')
  const ratio = settings.get('samplerRatio')
  if (url === undefined) return null
  return { endpoint: own ? url.href : below(url, 'v1/traces'), sampler, ratio }
}

function below(base: URL, path: string): string {
  return new URL(path, base.href.replace(/\/*$/, '/')).href
}
