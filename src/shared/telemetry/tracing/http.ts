import type { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import {
  type Context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { fail } from './failure.ts'

/** What Fastify tells on this channel when a call has passed every hook and its handler begins. */
interface Call {
  readonly request: { readonly method: string; readonly headers: IncomingHttpHeaders }
  readonly reply: { readonly raw: ServerResponse }
  readonly route: { readonly url: string }
}

/**
 * A span for each call of the API, in the trace that the caller's `traceparent` names, else in a new
 * one. Named by the route: paths and query strings stay out. A call that is refused before its
 * handler, for want of a key, leaves none, and neither do pages; and a caller who asks again and
 * again how far a request is begins no trace by that.
 *
 * @returns to be called when nothing is to be traced any more
 */
export function traceCalls(tracer: Tracer, store: AsyncLocalStorage<Context>): () => void {
  const { start } = tracingChannel<Context | undefined, Call>('fastify.request.handler')
  start.bindStore(store, (call) => {
    const { request, reply, route } = call
    if (!route.url.startsWith('/v1/')) return store.getStore()
    const caller = propagation.extract(ROOT_CONTEXT, request.headers)
    const isLook = request.method === 'GET' && trace.getSpan(caller) === undefined
    if (isLook) return store.getStore()
    const attributes = { 'http.request.method': request.method, 'http.route': route.url }
    const options = { kind: SpanKind.SERVER, attributes }
    const span = tracer.startSpan(`${request.method} ${route.url}`, options, caller)
    reply.raw.once('close', () => {
      const { statusCode } = reply.raw
      span.setAttribute('http.response.status_code', statusCode)
      if (statusCode >= 500) fail(span, String(statusCode))
      span.end()
    })
    return trace.setSpan(caller, span)
  })
  return () => void start.unbindStore(store)
}
