import { randomUUID } from 'node:crypto'
import { METHODS } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from '../../shared/base/logger.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'

/** Logs and counts each call, but never its path or query string. */
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
    log.info({ route: routeOf(request), ...callOf(request) }, 'The caller closed the connection.')
  })
}

/** Accepts only ids that are unambiguous in a log. */
const REQUEST_ID = /^[A-Za-z0-9_.-]{8,64}$/

/** Uses the id of a proxy in front, if it sent one. */
export function requestIdOf(headers: Readonly<Record<string, unknown>>): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}

/** The route's pattern; all parts of a page count as one route. */
function routeOf({ routeOptions }: FastifyRequest): string {
  const { url = 'none' } = routeOptions
  return /^\/(?:docs|queues)(?=\/|$)/.exec(url)?.[0] ?? url
}

/** Callers choose the method, so an unknown one must not become a metric label. */
function methodOf({ method }: FastifyRequest): string {
  return METHODS.includes(method) ? method : 'other'
}

function levelOf({ method }: FastifyRequest, { statusCode }: FastifyReply) {
  if (statusCode >= 500) return 'warn'
  return statusCode < 400 && method === 'GET' ? 'debug' : 'info'
}

/** Fields that identify one call in the log and in the caller's answer. */
export function callOf({ id, ip }: FastifyRequest): {
  httpRequestId: string
  remoteAddress: string
} {
  return { httpRequestId: id, remoteAddress: ip }
}

/** Facts about a call for its log line, collected while it is processed. */
interface CallFacts {
  /** The name of the call's key. */
  readonly key?: string
  /** Code of the problem in the answer. */
  readonly code?: string
}

const known = new WeakMap<FastifyRequest, CallFacts>()

export function addFacts(call: FastifyRequest, facts: CallFacts): void {
  known.set(call, { ...known.get(call), ...facts })
}

function factsOf(call: FastifyRequest): CallFacts {
  return known.get(call) ?? {}
}
