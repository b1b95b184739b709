import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import {
  type Attributes,
  type ContextManager,
  type Span,
  SpanKind,
  type Telemetry,
  type Tracer,
} from 'bullmq'
import { BullMQOtel } from 'bullmq-otel'
import { DOOR, PLAN } from '../../store/queues/queues.ts'
import { markFailed } from './spans.ts'

/**
 * `bullmq-otel` for our queues. It carries the trace context of whoever adds a job to whoever
 * processes it, in the job's options. Its spans are reduced:
 *
 * - Only adding and processing a job have spans. BullMQ would also make them for every look into an
 *   empty queue, every renewed lock and every stalled check: several a second in an idle worker.
 * - A job that is added outside a trace begins none: the sweep orders again what is ordered already.
 * - A job's id and the text of an error may be a caller's words: neither is shown.
 */
export function tracedQueues(version: string): Telemetry {
  const { tracer, contextManager } = new BullMQOtel({ tracerName: 'expunge', version })
  return { tracer: onlyJobs(tracer, contextManager), contextManager: tolerant(contextManager) }
}

function onlyJobs(tracer: Tracer, contexts: ContextManager): Tracer {
  return {
    startSpan: (name, options, context) => {
      const kind = options?.kind
      const isAddedWithin =
        kind === SpanKind.PRODUCER && trace.getSpan(context ?? contexts.active()) !== undefined
      if (kind !== SpanKind.CONSUMER && !isAddedWithin) return NO_SPAN
      const span = tracer.startSpan(name, options, context)
      return redacted(span, kind === SpanKind.CONSUMER ? name : null)
    },
  }
}

/** Records nothing and leaves the context unchanged. */
const NO_SPAN: Span = {
  setSpanOnContext: (context) => context,
  setAttribute: () => {},
  setAttributes: () => {},
  addEvent: () => {},
  recordException: () => {},
  end: () => {},
}

const JOB_NAME = 'bullmq.job.name'
const SHOWN: ReadonlySet<string> = new Set([
  'bullmq.queue.name',
  'bullmq.queue.operation',
  'bullmq.job.attempts.made',
])
const JOB_NAMES: ReadonlySet<unknown> = new Set([PLAN, 'settle', 'ingest', 'callback', DOOR])

/** @param name the job's name is added to it, as in `process requests.plan`; null leaves the name */
function redacted(span: Span, name: string | null): Span {
  const own = trace.getSpan(span.setSpanOnContext(ROOT_CONTEXT))
  const isShown = ([key, value]: [string, unknown]) =>
    key === JOB_NAME ? JOB_NAMES.has(value) : SHOWN.has(key)
  const setAttributes = (attributes: Attributes) => {
    const shown = Object.fromEntries(Object.entries(attributes).filter(isShown))
    if (name !== null && JOB_NAME in shown) own?.updateName(`${name}.${shown[JOB_NAME]}`)
    span.setAttributes(shown)
  }
  return {
    setSpanOnContext: (context) => span.setSpanOnContext(context),
    setAttribute: (key, value) => setAttributes({ [key]: value }),
    setAttributes,
    // BullMQ adds it to a job that failed, but not to one that was handed over.
    addEvent: (event) => {
      if (event === 'job failed' && own !== undefined) markFailed(own)
    },
    recordException: () => own !== undefined && markFailed(own),
    end: () => span.end(),
  }
}

/** Invalid trace metadata in a job's options must not stop the job from being processed. */
function tolerant(contexts: ContextManager): ContextManager {
  return {
    with: (context, fn) => contexts.with(context, fn),
    active: () => contexts.active(),
    root: () => ROOT_CONTEXT,
    // Outside a trace there is nothing to pass on.
    getMetadata: (context) =>
      trace.getSpan(context) === undefined ? '' : contexts.getMetadata(context),
    fromMetadata: (active, metadata) => {
      try {
        return contexts.fromMetadata(active, metadata)
      } catch {
        return active
      }
    },
  }
}
