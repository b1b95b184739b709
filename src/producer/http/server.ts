import type { IncomingMessage } from 'node:http'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import { ConfigError, messageOf } from '../../shared/base/errors.ts'
import { endsWithin } from '../../shared/base/race.ts'
import { REQUEST_BYTES } from '../../shared/contract/request.ts'
import { RedisUnavailableError } from '../../shared/store/redis/redis.ts'
import { logCalls, requestIdOf } from './call-log.ts'
import { createClientErrors } from './client-errors.ts'
import { dashboard } from './dashboard.ts'
import { docsRoutes } from './docs.ts'
import { HttpError, noSuchRoute, retryAfter } from './http-error.ts'
import { readJsonBodies } from './json-body.ts'
import { knowAllMethods, refuseOtherMethods, refuseWriting } from './methods.ts'
import { mountRoutes } from './mount.ts'
import { answerWithProblems, reject } from './problem.ts'
import { ROUTES } from './routes.ts'
import type { Service } from './service.ts'
import type { HttpTimeouts } from './timeouts.ts'

/** Maximum bytes of all header lines; beyond it Node answers 431. */
const HEADER_BYTES = 16 * 1024
const HEADERS = 64

/** A request id has at most 128 characters; the router rejects parameters longer than this. */
const PARAMETER_CHARS = 160

/** Maximum idle time of a connection; longer than the 60 s of load balancers. */
const KEEP_ALIVE_MS = 65_000

interface HttpServer {
  /** Where it listens, with the actual port if 0 was requested. */
  readonly url: string
  /** Accepts nothing new, waits for calls in flight, and cuts off those that take too long. */
  close(): Promise<void>
}

/** @throws ConfigError if it cannot listen on the address */
export async function startHttpServer(
  service: Service,
  { host, port }: { host: string; port: number },
): Promise<HttpServer> {
  const app = await createApp(service)
  const url = await listen(app, host, port)
  return {
    url,
    close: async () => {
      const closed = app.close()
      if (await endsWithin(closed, service.timeouts.drainMs)) return closed
      // These are uploads, which then leave nothing behind.
      service.log.warn('Calls that took too long were closed.')
      app.server.closeAllConnections()
      await closed
    },
  }
}

async function createApp(service: Service): Promise<FastifyInstance> {
  const { timeouts } = service
  const clientErrors = createClientErrors(service)
  const app: FastifyInstance = fastify({
    genReqId: ({ headers }) => requestIdOf(headers),
    bodyLimit: REQUEST_BYTES,
    requestTimeout: 0,
    connectionTimeout: timeouts.silentMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: timeouts.headersMs,
      connectionsCheckingInterval: timeouts.headersMs / 4,
      // Node would answer without an explanation; `guard` gives one.
      requireHostHeader: false,
    },
    routerOptions: { maxParamLength: PARAMETER_CHARS },
    return503OnClosing: false,
    clientErrorHandler: clientErrors.refuse,
    frameworkErrors: (error, request, reply) => reject(error, request, reply, service.log),
  })
  app.server.maxHeadersCount = HEADERS
  // Other expectations may be ignored; Node would answer without a problem here too.
  app.server.on('checkExpectation', (request, response) => {
    app.server.emit('request', request, response)
  })
  clientErrors.watch(app)
  knowAllMethods(app)
  logCalls(app, service)
  answerWithProblems(app, service.log)
  guard(app, service)
  refuseUnknownPaths(app)
  linger(app, timeouts)
  readJsonBodies(app, service)
  mountRoutes(app, ROUTES, service)
  app.addHook('onClose', () => service.callers.shares.uploads.settle())
  await docsRoutes(app, service)
  await dashboard(app, service)
  refuseOtherMethods(app, ['/', '/openapi.json'])
  refuseWriting(app, ['/docs', '/queues'])
  return app
}

/** Begins nothing that cannot succeed: neither while Redis is away, nor while the process stops. */
function guard(app: FastifyInstance, { redisTrouble }: Service): void {
  let isClosing = false
  app.addHook('preClose', async () => {
    isClosing = true
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HARDENING)
    assertOneHost(request)
    if (isClosing) {
      throw new HttpError('STOPPING', 'This service is being stopped. Ask again.', {
        ...retryAfter(1),
        Connection: 'close',
      })
    }
    const needsRedis = /^\/(?:v1|queues)\//.test(request.routeOptions.url ?? '')
    const trouble = needsRedis ? redisTrouble() : null
    if (trouble !== null) throw new RedisUnavailableError('REDIS_AWAY', trouble)
  })
}

/**
 * Before any body is read, whatever its type, and whatever Fastify would do for the method without
 * one.
 */
function refuseUnknownPaths(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    if (request.is404) throw noSuchRoute()
  })
}

/** With two Host lines, a proxy may have checked one while the other is used here. */
function assertOneHost({ raw }: FastifyRequest): void {
  const { length } = raw.headersDistinct['host'] ?? []
  if (length === 1 || (length === 0 && raw.httpVersion === '1.0')) return
  throw new HttpError('MALFORMED_HTTP', `Expected one header line Host, got ${length}.`)
}

const HARDENING = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const

/**
 * Drains a body that was not read to its end because its call was refused: its sender may not look
 * for an answer before. Then the connection accepts the next call, unless its caller asked to close
 * it: a caller that is not told of a close would send the next call into a closing connection.
 */
function linger(app: FastifyInstance, { lingerMs }: HttpTimeouts): void {
  const last = new WeakSet<IncomingMessage>()
  app.addHook('onSend', async ({ raw }, reply) => {
    if (raw.complete) return
    if (!reply.raw.shouldKeepAlive) last.add(raw)
    // Otherwise Node closes the connection with the answer, and a caller that is still sending sees
    // a reset instead.
    reply.removeHeader('connection')
    reply.raw.shouldKeepAlive = true
  })
  app.addHook('onResponse', async ({ raw }) => {
    const end = () => last.has(raw) && raw.socket.destroySoon()
    if (raw.complete || raw.destroyed) return void end()
    const timer = setTimeout(() => raw.destroy(), lingerMs)
    timer.unref()
    raw
      .once('end', end)
      .once('end', () => clearTimeout(timer))
      .once('close', () => clearTimeout(timer))
    raw.resume()
  })
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    throw new ConfigError([
      {
        setting: 'EXPUNGE_HTTP_HOST, EXPUNGE_HTTP_PORT',
        message: `expected an address to listen on, got ${host}:${port}: ${messageOf(error)}. Another process may use it; choose another port.`,
      },
    ])
  }
  const address = app.server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`
}
