import type { ConfigProblem } from '../base/errors.ts'
import type { Environment } from './environment.ts'
import { Settings, type ValueForm } from './settings.ts'

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

/**
 * Where traces go and which, by OpenTelemetry's own variables. What else they say, the SDK reads
 * itself: headers (which may hold secrets), certificates, compression, timeouts, resource.
 */
export interface TracingConfig {
  /** The full URL that spans are posted to. */
  readonly endpoint: string
  readonly sampler: (typeof SAMPLERS)[number]
  /** From 0 to 1, for the samplers by ratio. */
  readonly ratio: number
}

/**
 * @returns null where no endpoint is given or tracing is switched off: then nothing else is looked
 *   at, for a platform may set these variables for every process on it
 */
export function readTracing(
  environment: Environment,
  problems: ConfigProblem[],
): TracingConfig | null {
  const settings = new Settings([environment.group('tracing')], problems)
  const isDisabled = settings.text('disabled')?.trim().toLowerCase() === 'true'
  const exporter = settings.text('exporter')?.trim().toLowerCase() ?? 'otlp'
  const isGiven = (key: string) => settings.namesOf(key).length > 0
  const own = isGiven('tracesEndpoint')
  if (isDisabled || exporter === 'none' || !(own || isGiven('endpoint'))) return null
  settings.parsed('exporter', OTLP)
  settings.parsed(isGiven('tracesProtocol') ? 'tracesProtocol' : 'protocol', PROTOBUF)
  const url = settings.parsed(own ? 'tracesEndpoint' : 'endpoint', ENDPOINT)
  const sampler = settings.choice('sampler', SAMPLERS, 'parentbased_always_on')
  const ratio = settings.parsed('samplerRatio', RATIO) ?? 1
  if (url === undefined) return null
  return { endpoint: own ? url.href : below(url, 'v1/traces'), sampler, ratio }
}

const OTLP: ValueForm<'otlp'> = {
  expected: 'otlp or none',
  parse: (text) => (text.trim().toLowerCase() === 'otlp' ? 'otlp' : undefined),
}

const PROTOBUF: ValueForm<string> = {
  expected: 'http/protobuf, the one protocol that Expunge speaks (port 4318 of most collectors)',
  parse: (text) => (text === 'http/protobuf' ? text : undefined),
}

const ENDPOINT: ValueForm<URL> = {
  expected:
    'an http:// or https:// URL without user, password, query and fragment; what authenticates goes into OTEL_EXPORTER_OTLP_HEADERS',
  hidden: true,
  parse: (text) => {
    const url = URL.parse(text)
    const isPlain = url !== null && `${url.username}${url.password}${url.search}${url.hash}` === ''
    return isPlain && /^https?:$/.test(url.protocol) ? url : undefined
  },
}

const RATIO: ValueForm<number> = {
  expected: 'a number from 0 to 1',
  parse: (text) => {
    const ratio = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN
    return ratio >= 0 && ratio <= 1 ? ratio : undefined
  },
}

function below(base: URL, path: string): string {
  return new URL(path, base.href.replace(/\/*$/, '/')).href
}
