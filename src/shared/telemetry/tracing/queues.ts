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
import { fail } from './failure.ts'

/**
 * `bullmq-otel` as our queues use it. It carries the context of whoever adds a job over to whoever
 * processes it, in the job's options; of the rest it is told less:
 *
 * - Only adding and processing leave spans. BullMQ would have them for every look into an empty
 *   queue, every renewed lock and every stalled check as well, several a second in an idle worker.
 * - What is added outside any trace begins none: the sweep orders again what is ordered already.
 * - A job's id may be a stranger's, the text of an error may quote a stranger: neither is shown.
 */
export function tracedQueues(version: string): Telemetry {
  const { tracer, contextManager } = new BullMQOtel({ tracerName: 'expunge', version })
  return { tracer: sparing(tracer, contextManager), contextManager: forgiving(contextManager) }
}

function sparing(tracer: Tracer, contexts: ContextManager): Tracer {
  return {
    startSpan: (name, options, context) => {
      const kind = options?.kind
      const isAddedWithin =
        kind === SpanKind.PRODUCER && trace.getSpan(context ?? contexts.active()) !== undefined
      if (kind !== SpanKind.CONSUMER && !isAddedWithin) return NONE
      const span = tracer.startSpan(name, options, context)
      return discreet(span, kind === SpanKind.CONSUMER ? name : null)
    },
  }
}

/** Takes everything and shows nothing; what runs within it is within whatever was around it. */
const NONE: Span = {
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

/** @param name to which that of the job is added, as in `process requests.plan`; null to leave it */
function discreet(span: Span, name: string | null): Span {
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
    // BullMQ says so of a job that failed in earnest, and not of one that was handed over.
    addEvent: (event) => {
      if (event === 'job failed' && own !== undefined) fail(own)
    },
    recordException: () => own !== undefined && fail(own),
    end: () => span.end(),
  }
}

/** What others put into a job's options must not keep the job from being processed. */
function forgiving(contexts: ContextManager): ContextManager {
  return {
    with: (context, fn) => contexts.with(context, fn),
    active: () => contexts.active(),
    root: () => ROOT_CONTEXT,
    // Outside a trace there is nothing to carry over.
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
