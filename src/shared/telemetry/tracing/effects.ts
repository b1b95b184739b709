import type { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { type Context, type Span, SpanKind, type Tracer, trace } from '@opentelemetry/api'
import { codeOrNameOf } from '../../base/errors.ts'
import { EFFECT_CHANNEL, type Effect } from '../../base/trace.ts'
import { fail } from './failure.ts'

/**
 * What grows with time or size leaves a span only where it fails: a job of a day is looked after
 * some 1,500 times, and an upload of a gigabyte staged in as many frames.
 */
const REPEATED: ReadonlySet<string> = new Set([
  'salesforce:get',
  'redis:enter-gate',
  'redis:save',
  'redis:stage',
])

/** BullMQ has a span of its own for these, the one that the job goes on from. */
const TOLD_BY_BULLMQ: ReadonlySet<string> = new Set([
  'order:plan',
  'order:ingest',
  'order:settle',
  'order:callback',
])

/** What the channel adds to an effect once that has ended. */
type Ended = Effect & { readonly error?: unknown; readonly result?: unknown }

/**
 * A span for every outside effect, below that of the work that it belongs to. What belongs to none,
 * such as heartbeats and the sweep, leaves no span: a trace is a request's.
 *
 * @returns to be called when nothing is to be traced any more
 */
export function traceEffects(tracer: Tracer, store: AsyncLocalStorage<Context>): () => void {
  const channel = tracingChannel<Context | undefined, Effect>(EFFECT_CHANNEL)
  const pending = new WeakMap<Effect, (effect: Ended) => void>()
  const begin = (effect: Effect): Context | undefined => {
    const context = store.getStore()
    if (context === undefined || trace.getSpan(context) === undefined) return context
    if (TOLD_BY_BULLMQ.has(effect.name)) return context
    const kind = kindOf(effect)
    if (REPEATED.has(effect.name)) {
      const startTime = Date.now()
      pending.set(effect, (ended) => {
        if (hasFailed(ended))
          end(tracer.startSpan(effect.name, { kind, startTime }, context), ended)
      })
      return context
    }
    const span = tracer.startSpan(effect.name, { kind }, context)
    pending.set(effect, (ended) => end(span, ended))
    return trace.setSpan(context, span)
  }
  const subscribers = {
    start: () => {},
    end: () => {},
    asyncStart: () => {},
    asyncEnd: (effect: Ended) => pending.get(effect)?.(effect),
    error: () => {},
  }
  channel.start.bindStore(store, begin)
  channel.subscribe(subscribers)
  return () => {
    channel.unsubscribe(subscribers)
    channel.start.unbindStore(store)
  }
}

function kindOf({ name }: Effect): SpanKind {
  return /^(?:salesforce|redis|callback):/.test(name) ? SpanKind.CLIENT : SpanKind.INTERNAL
}

function end(span: Span, ended: Ended): void {
  const status = statusOf(ended.result)
  if (status !== null) span.setAttribute('http.response.status_code', status)
  if (hasFailed(ended)) fail(span, status === null ? codeOrNameOf(ended.error) : String(status))
  span.end()
}

const hasFailed = (ended: Ended): boolean =>
  ended.error !== undefined || (statusOf(ended.result) ?? 0) >= 400

/** Of an answer of Salesforce. */
function statusOf(result: unknown): number | null {
  const isAnswer = typeof result === 'object' && result !== null && 'status' in result
  return isAnswer && typeof result.status === 'number' ? result.status : null
}
