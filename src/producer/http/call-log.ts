import { randomUUID } from 'node:crypto'
import { METHODS } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from '../../shared/base/logger.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'

/** Each call leaves a line in the log and a count in the metrics; never its path or query string. */
export function logCalls(
  app: FastifyInstance,
  { log, metrics }: { log: Logger; metrics: Metrics },
) {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('X-Request-Id', request.id)
  })
  app.addHook('onResponse', async (request, reply) => {
    const { statusCode: status } = reply
    const facts = { route: routeOf(request), method: methodOf(request), status }
    metrics.httpAnswered({ ...facts, seconds: reply.elapsedTime / 1000 })
    const ms = Math.round(reply.elapsedTime)
    const line = { ...facts, ...factsOf(request), ms, ...callOf(request) }
    log[levelOf(request, reply)](line, 'Call answered.')
  })
  app.addHook('onRequestAbort', async (request) => {
    log.info({ route: routeOf(request), ...callOf(request) }, 'The caller went away.')
  })
}

/** Only ids that cannot be mistaken for anything else in a log are taken over. */
const REQUEST_ID = /^[A-Za-z0-9_.-]{8,64}$/

/** A proxy in front may have named the call already. */
export function requestIdOf(headers: Readonly<Record<string, unknown>>): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}

/** The pattern of the route; the many of a page and its assets are one. */
function routeOf({ routeOptions }: FastifyRequest): string {
  const { url = 'none' } = routeOptions
  return /^\/(?:docs|queues)(?=\/|$)/.exec(url)?.[0] ?? url
}

/** Callers choose the method; one that HTTP does not know must not become a label. */
function methodOf({ method }: FastifyRequest): string {
  return METHODS.includes(method) ? method : 'other'
}

function levelOf({ method }: FastifyRequest, { statusCode }: FastifyReply) {
  if (statusCode >= 500) return 'warn'
  return statusCode < 400 && method === 'GET' ? 'debug' : 'info'
}

/** What finds the lines of one call, and the caller's answer. */
export function callOf({ id, ip }: FastifyRequest): {
  httpRequestId: string
  remoteAddress: string
} {
  return { httpRequestId: id, remoteAddress: ip }
}

/** What a call turns out to be on its way, for its line in the log. */
interface CallFacts {
  /** The name of the key that it bears. */
  readonly key?: string
  /** Of the problem that it was answered with. */
  readonly code?: string
}

const known = new WeakMap<FastifyRequest, CallFacts>()

export function addFacts(call: FastifyRequest, facts: CallFacts): void {
  known.set(call, { ...known.get(call), ...facts })
}

function factsOf(call: FastifyRequest): CallFacts {
  return known.get(call) ?? {}
}
