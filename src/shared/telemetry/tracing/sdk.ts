import { randomUUID } from 'node:crypto'
import { context, propagation, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
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
import { endsWithin } from '../../base/race.ts'
import type { TracingConfig } from '../../config/config.ts'
import { setQueueTelemetry } from '../../store/queues/queues.ts'
import { AsyncContext } from './context.ts'
import { traceEffects } from './effects.ts'
import { traceCalls } from './http.ts'
import { traceNotes } from './notes.ts'
import type { TracingOptions } from './options.ts'
import { tracedQueues } from './queues.ts'
import { deafen, hearTrouble, tellOfTrouble } from './trouble.ts'

/**
 * Everything of OpenTelemetry is in this folder, and loaded only where traces are wanted. The rest
 * of Expunge tells what it does on channels and knows nothing of spans.
 */

/** Of the time that a process has to stop, the last; what a collector does not take by then is lost. */
const FLUSH_WITHIN_MS = 1000

/** No attribute of ours comes near it. */
const LONGEST_VALUE = 512

/** @returns what ends it; null where somebody else has set up OpenTelemetry in this process */
export function startSdk(
  config: TracingConfig,
  options: TracingOptions,
): (() => Promise<void>) | null {
  const { version, log } = options
  const tell = tellOfTrouble(log, config.endpoint)
  const provider = createProvider(config, options)
  if (!trace.setGlobalTracerProvider(provider)) return null
  const contexts = new AsyncContext()
  context.setGlobalContextManager(contexts)
  // Baggage stays out: it would travel in the options of every job, and may hold personal data.
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  hearTrouble(tell)
  setQueueTelemetry(tracedQueues(version))
  const tracer = provider.getTracer('expunge', version)
  const ends = [
    traceEffects(tracer, contexts.store),
    traceCalls(tracer, contexts.store),
    traceNotes(new Set(options.objects)),
  ]
  return async () => {
    for (const end of ends) end()
    setQueueTelemetry(undefined)
    if (!(await endsWithin(provider.shutdown().catch(tell), FLUSH_WITHIN_MS))) {
      tell(new Error('not answered in time'))
    }
    for (const api of [trace, context, propagation]) api.disable()
    deafen()
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
    // 2,048 spans wait at most, 512 are on their way; what is more is dropped.
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
