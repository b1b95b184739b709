import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { FastifyAdapter } from '@bull-board/fastify'
import type { Queue } from 'bullmq'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { QUEUES } from '../../shared/store/queues/queues.ts'
import { assertAllowed, methodNotAllowed } from './http-error.ts'
import { reject } from './problem.ts'
import { maySeeDashboard } from './rights.ts'
import type { Service } from './service.ts'

const PATH = '/queues'

/** BullMQ's jobs in bull-board: read-only, and without record ids. */
export async function dashboard(
  app: FastifyInstance,
  { orgs, callers, log }: Service,
): Promise<void> {
  const admit = async (request: FastifyRequest, reply: FastifyReply) => {
    reply.header('Content-Security-Policy', CSP)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw methodNotAllowed(['GET', 'HEAD'])
    }
    await callers.admitBrowser.call(app, request, reply)
    assertAllowed(maySeeDashboard(callers.of(request)))
  }
  const shown = await Promise.all(
    orgs.known().map(async (store) => {
      const queues = await store.queues()
      return QUEUES.map((name) => adapterOf(queues[name], store.org))
    }),
  )
  const serverAdapter = new FastifyAdapter()
  serverAdapter.setBasePath(PATH)
  createBullBoard({
    queues: shown.flat(),
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Expunge', hideRedisDetails: true } },
  })
  void app.register(
    (scope, _, done) => {
      // The board's own error handler does not answer with problems.
      scope.addHook('onRoute', (route) => {
        route.errorHandler = (error, request, reply) => void reject(error, request, reply, log)
      })
      scope.addHook('onRequest', admit)
      scope.addHook('onSend', async (_, reply, payload) =>
        isPage(reply.getHeader('content-type')) && typeof payload === 'string'
          ? payload.replace(WEB_FONTS, '')
          : payload,
      )
      void scope.register(serverAdapter.registerPlugin())
      done()
    },
    { prefix: PATH },
  )
}

/** The board distinguishes queues by their name, and every org has one of each. */
function adapterOf(queue: Queue, org: string): BullMQAdapter {
  const adapter = new BullMQAdapter(queue, { readOnlyMode: true, prefix: `${org}: ` })
  adapter.setFormatter('data', shownOf)
  return adapter
}

/**
 * Fields that may be shown. A job from outside is a whole request, with its ids, its reason and its
 * callback URL.
 */
const SHOWN: ReadonlySet<string> = new Set([
  ...['v', 'step', 'id', 'order', 'status', 'at'],
  ...['org', 'object', 'operation', 'priority', 'dryRun'],
])

function shownOf(data: unknown): Record<string, unknown> {
  const fields = typeof data === 'object' && data !== null ? Object.entries(data) : []
  return Object.fromEntries(
    fields.filter(([name, value]) => SHOWN.has(name) && typeof value !== 'object'),
  )
}

/** The page loads a font from another host; without it the browser's own is used. */
const WEB_FONTS = /<link href="https:\/\/[^>]*>/g

const isPage = (type: unknown): boolean => String(type).startsWith('text/html')

/** The page has inline styles. */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
