import type { FastifyInstance, FastifyRequest } from 'fastify'
import { refuseOtherMethods } from './methods.ts'
import type { Route } from './route.ts'
import type { Service } from './service.ts'

/** Serves the routes, and answers 405 on their paths for every other method. */
export function mountRoutes(
  app: FastifyInstance,
  routes: readonly Route[],
  service: Service,
): void {
  for (const route of routes) {
    void app.register((scope, _, done) => {
      mount(scope, route, service)
      done()
    })
  }
  refuseOtherMethods(app, new Set(routes.map(urlOf)))
}

/** In its own scope, because content-type parsers are registered per scope. */
function mount(scope: FastifyInstance, route: Route, service: Service): void {
  const { body, csvRoute } = route
  if (body?.type === 'text/csv') takeCsvAlone(scope)
  else if (csvRoute !== undefined) scope.addContentTypeParser('text/csv', unread)
  scope.route({
    method: route.method === 'get' ? ['GET', 'HEAD'] : 'POST',
    url: urlOf(route),
    // Fastify's own HEAD would read a whole result file.
    exposeHeadRoute: false,
    onRequest: [service.callers.admit, async (request) => route.admit(request, service)],
    ...(body?.maxBytes === undefined ? {} : { bodyLimit: body.maxBytes }),
    handler: async (request, reply) => {
      const meant = csvRoute !== undefined && isCsv(request) ? csvRoute : route
      const answer = await meant.answer(request, service)
      return reply
        .code(answer.status)
        .headers(answer.headers ?? {})
        .send(answer.body)
    },
  })
}

const urlOf = ({ path }: Route): string => path.replaceAll(/\{(\w+)\}/g, ':$1')

/**
 * Generated clients have only the type octet-stream for a body that is not JSON; some clients send
 * none.
 */
function takeCsvAlone(scope: FastifyInstance): void {
  scope.removeContentTypeParser('application/json')
  scope.addContentTypeParser(['text/csv', 'text/plain', 'application/octet-stream'], unread)
  scope.addHook('onRequest', async ({ raw }) => {
    raw.headers['content-type'] ??= 'text/csv'
  })
}

/** The stream itself: it goes into staging as it arrives and is never held as a whole. */
const unread = async (_: FastifyRequest, payload: unknown) => payload

function isCsv({ headers }: FastifyRequest): boolean {
  const [type = ''] = (headers['content-type'] ?? '').split(';', 1)
  return type.trim().toLowerCase() === 'text/csv'
}
