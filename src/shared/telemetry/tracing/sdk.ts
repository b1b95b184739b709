import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import {
  type Context,
  type ContextManager,
  context,
  DiagLogLevel,
  diag,
  propagation,
  ROOT_CONTEXT,
  trace,
} from '@opentelemetry/api'
import { setGlobalErrorHandler, W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { codeOf, messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { endsWithin } from '../../base/race.ts'
import type { TracingConfig } from '../../config/config.ts'
import { setQueueTelemetry } from '../../store/queues/queues.ts'
import { tracedQueues } from './queues.ts'
import { traceChannels } from './spans.ts'

/**
 * Sets up OpenTelemetry. Only this folder uses it, and it is loaded only if tracing is on; the rest
 * of Expunge publishes events on channels.
 */

interface TracingOptions {
  readonly role: 'producer' | 'worker'
  readonly version: string
  /** API names of the objects that may be deleted. */
  readonly objects: Iterable<string>
  readonly log: Logger
}

/**
 * Shorter than the time a process has to stop. Spans that the collector has not taken by then are
 * lost.
 */
const FLUSH_WITHIN_MS = 1000

/** Far longer than any of our attributes. */
const LONGEST_VALUE = 512

/** @returns a function that stops it; null if OpenTelemetry is already set up in this process */
export function startSdk(
  config: TracingConfig,
  options: TracingOptions,
): (() => Promise<void>) | null {
  const { version, log } = options
  const provider = createProvider(config, options)
  if (!trace.setGlobalTracerProvider(provider)) return null
  const report = exportFailureReporter(log, config.endpoint)
  redirectDiagnostics(report)
  const contexts = new AsyncContext()
  context.setGlobalContextManager(contexts)
  // No baggage: it would be stored in the options of every job, and may hold personal data.
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  setQueueTelemetry(tracedQueues(version))
  const tracer = provider.getTracer('expunge', version)
  const end = traceChannels(tracer, contexts.store, new Set(options.objects))
  return async () => {
    end()
    setQueueTelemetry(undefined)
    if (!(await endsWithin(provider.shutdown().catch(report), FLUSH_WITHIN_MS))) {
      report(new Error('not answered in time'))
    }
    for (const api of [trace, context, propagation]) api.disable()
    setGlobalErrorHandler(() => {})
    diag.disable()
  }
}

function createProvider(
  config: TracingConfig,
  { role, version }: Pick<TracingOptions, 'role' | 'version'>,
): TracerProvider {
  const ours = resourceFromAttributes({
    'service.name': `expunge-${role}`,
    'service.version': version,
    'service.instance.id': randomUUID(),
  })
  const detectors = [resourceAttributesEnvDetector, serviceNameEnvDetector]
  return new TracerProvider({
    resource: defaultResource().merge(ours).merge(detectResources({ detectors })),
    sampler: samplerOf(config),
    spanLimits: { attributeValueLengthLimit: LONGEST_VALUE },
    // At most 2,048 spans wait and 512 are being sent; further ones are dropped.
    spanProcessors: [
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: config.endpoint }) }),
    ],
  })
}

function samplerOf({ sampler, ratio }: TracingConfig): Sampler {
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler()
    case 'always_off':
      return new AlwaysOffSampler()
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio)
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() })
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() })
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) })
    default:
      throw new TypeError(`Unknown sampler ${String(sampler satisfies never)}`)
  }
}

/** A collector may be unreachable for weeks. */
const REPORT_EVERY_MS = 10 * 60_000

/** Logs that traces cannot be exported, at once and then rarely: the work does not depend on it. */
function exportFailureReporter(log: Logger, endpoint: string): (error: unknown) => void {
  let reportedAt = Number.NEGATIVE_INFINITY
  return (error) => {
    if (performance.now() - reportedAt < REPORT_EVERY_MS) return
    reportedAt = performance.now()
    log.warn(
      { endpoint, reason: codeOf(error) ?? messageOf(error) },
      'Traces cannot be sent to the collector and are dropped. Work continues. This line is logged at most every ten minutes.',
    )
  }
}

/**
 * Reports failed exports and dropped spans. The SDK's own messages are not logged: some quote
 * headers, which may hold secrets.
 */
function redirectDiagnostics(report: (error: unknown) => void): void {
  setGlobalErrorHandler(report)
  const ignore = () => {}
  const warn = (message: string) => {
    if (message.startsWith('Dropped')) report(new Error('more spans than the collector takes'))
  }
  const logger = { error: ignore, warn, info: ignore, debug: ignore, verbose: ignore }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
}

/**
 * Keeps OpenTelemetry's context across asynchronous calls. The SDK's own class keeps its store
 * private, but channels of `node:diagnostics_channel` must be bound to it.
 */
class AsyncContext implements ContextManager {
  readonly store = new AsyncLocalStorage<Context>()

  active(): Context {
    return this.store.getStore() ?? ROOT_CONTEXT
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.store.run(context, () => fn.apply(thisArg, args))
  }

  bind<T>(context: Context, target: T): T {
    if (typeof target !== 'function') return target
    const { store } = this
    return new Proxy(target, {
      apply: (fn, thisArg, args) => store.run(context, () => Reflect.apply(fn, thisArg, args)),
    })
  }

  enable(): this {
    return this
  }

  disable(): this {
    this.store.disable()
    return this
  }
}
