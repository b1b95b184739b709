import type { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import {
  type Attributes,
  type Context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { codeOrNameOf } from '../../base/errors.ts'
import { type addFacts, EFFECT_CHANNEL, type Effect, FACTS_CHANNEL } from '../../base/trace.ts'
import { OTHER_OBJECT } from '../metrics/events.ts'

/**
 * Makes spans from the events that this process publishes: outside effects, calls of the HTTP API,
 * and facts about the current work.
 *
 * @param objects that may be deleted: callers may send any word, and only these are shown
 *
 * @returns a function that stops it
 */
export function traceChannels(
  tracer: Tracer,
  store: AsyncLocalStorage<Context>,
  objects: ReadonlySet<string>,
): () => void {
  const ends = [traceEffects(tracer, store), traceCalls(tracer, store), traceFacts(objects)]
  return () => {
    for (const end of ends) end()
  }
}

/** Shows only the code: a message may quote another server. */
export function markFailed(span: Span, code?: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR })
  if (code !== undefined) span.setAttribute('error.type', code)
}

/**
 * Effects whose number grows with time or size get a span only if they fail: a job that takes a day
 * is polled about 1,500 times, and an upload of a gigabyte is staged in as many frames.
 */
const REPEATED: ReadonlySet<string> = new Set([
  'salesforce:get',
  'redis:enter-gate',
  'redis:save',
  'redis:stage',
])

/** BullMQ makes its own spans for these, and the job continues from them. */
const TRACED_BY_BULLMQ: ReadonlySet<string> = new Set([
  'order:plan',
  'order:ingest',
  'order:settle',
  'order:callback',
])

/** The channel adds these to an effect once it has ended. */
type EndedEffect = Effect & { readonly error?: unknown; readonly result?: unknown }

/**
 * A span for every outside effect, below the span of its work. Effects outside such work, for
 * example of heartbeats and the sweep, have none: a trace belongs to a request.
 */
function traceEffects(tracer: Tracer, store: AsyncLocalStorage<Context>): () => void {
  const channel = tracingChannel<Context | undefined, Effect>(EFFECT_CHANNEL)
  const pending = new WeakMap<Effect, (effect: EndedEffect) => void>()
  const begin = (effect: Effect): Context | undefined => {
    const { name } = effect
    const context = store.getStore()
    if (context === undefined || trace.getSpan(context) === undefined) return context
    if (TRACED_BY_BULLMQ.has(name)) return context
    const kind = kindOf(name)
    if (REPEATED.has(name)) {
      const startTime = Date.now()
      pending.set(effect, (ended) => {
        if (hasFailed(ended)) endSpan(tracer.startSpan(name, { kind, startTime }, context), ended)
      })
      return context
    }
    const span = tracer.startSpan(name, { kind }, context)
    pending.set(effect, (ended) => endSpan(span, ended))
    return trace.setSpan(context, span)
  }
  const subscribers = {
    start: () => {},
    end: () => {},
    asyncStart: () => {},
    asyncEnd: (effect: EndedEffect) => pending.get(effect)?.(effect),
    error: () => {},
  }
  channel.start.bindStore(store, begin)
  channel.subscribe(subscribers)
  return () => {
    channel.unsubscribe(subscribers)
    channel.start.unbindStore(store)
  }
}

function kindOf(name: string): SpanKind {
  return /^(?:salesforce|redis|callback):/.test(name) ? SpanKind.CLIENT : SpanKind.INTERNAL
}

function endSpan(span: Span, ended: EndedEffect): void {
  const status = statusOf(ended.result)
  if (status !== null) span.setAttribute('http.response.status_code', status)
  if (hasFailed(ended)) markFailed(span, status === null ? codeOrNameOf(ended.error) : `${status}`)
  span.end()
}

const hasFailed = (ended: EndedEffect): boolean =>
  ended.error !== undefined || (statusOf(ended.result) ?? 0) >= 400

/** The status of an answer from Salesforce. */
function statusOf(result: unknown): number | null {
  const isAnswer = typeof result === 'object' && result !== null && 'status' in result
  return isAnswer && typeof result.status === 'number' ? result.status : null
}

/** Fastify publishes this when a call has passed every hook and its handler starts. */
interface HandledCall {
  readonly request: { readonly method: string; readonly headers: IncomingHttpHeaders }
  readonly reply: { readonly raw: ServerResponse }
  readonly route: { readonly url: string }
}

/**
 * A span for each call of the API, in the trace that the caller's `traceparent` names, else in a
 * new one. Its name is the route, without path and query. No span for pages, nor for a call that is
 * refused before its handler, such as one without a key. A GET starts no trace: callers poll.
 */
function traceCalls(tracer: Tracer, store: AsyncLocalStorage<Context>): () => void {
  const { start } = tracingChannel<Context | undefined, HandledCall>('fastify.request.handler')
  start.bindStore(store, ({ request, reply, route }) => {
    if (!route.url.startsWith('/v1/')) return store.getStore()
    const caller = propagation.extract(ROOT_CONTEXT, request.headers)
    if (request.method === 'GET' && trace.getSpan(caller) === undefined) return store.getStore()
    const attributes = { 'http.request.method': request.method, 'http.route': route.url }
    const options = { kind: SpanKind.SERVER, attributes }
    const span = tracer.startSpan(`${request.method} ${route.url}`, options, caller)
    reply.raw.once('close', () => {
      const { statusCode } = reply.raw
      span.setAttribute('http.response.status_code', statusCode)
      if (statusCode >= 500) markFailed(span, String(statusCode))
      span.end()
    })
    return trace.setSpan(caller, span)
  })
  return () => void start.unbindStore(store)
}

type TraceFacts = Parameters<typeof addFacts>[0]

/** Adds facts about the current work to its span as attributes. */
function traceFacts(objects: ReadonlySet<string>): () => void {
  const listener = (message: unknown) => {
    const span = trace.getActiveSpan()
    if (span === undefined) return
    // Only `addFacts` publishes here.
    const facts = message as TraceFacts
    span.setAttributes(attributesOf(facts, objects))
    if (facts.status === 'failed') markFailed(span)
  }
  subscribe(FACTS_CHANNEL, listener)
  return () => void unsubscribe(FACTS_CHANNEL, listener)
}

function attributesOf(facts: TraceFacts, objects: ReadonlySet<string>): Attributes {
  const { object, requests } = facts
  const known = object === undefined || objects.has(object) ? object : OTHER_OBJECT
  const attributes = {
    'expunge.org': facts.org,
    'expunge.request.id': requests && [...new Set(requests)].join(' '),
    'expunge.object': known,
    'expunge.operation': facts.operation,
    'expunge.records': facts.records,
    'expunge.status': facts.status,
    'expunge.ingest.order': facts.order,
    'expunge.ingest.job.id': facts.ingestJob,
    'expunge.ingest.job.state': facts.state,
    'error.type': facts.error,
  }
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given)
}
