import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { openApiDocument } from './openapi/document.ts'

/** `/openapi.json`, and an HTML page for it whose parts are all served from here. */
export async function docsRoutes(
  app: FastifyInstance,
  { version }: { version: string },
): Promise<void> {
  const description = openApiDocument({ version })
  const text = JSON.stringify(description)
  // The page calls the service that serves it, whatever its external address.
  const document = JSON.parse(JSON.stringify({ ...description, servers: [{ url: '/' }] }))
  app.get('/openapi.json', async (_, reply) =>
    reply.type('application/json; charset=utf-8').send(text),
  )
  app.get('/', async (_, reply) => reply.redirect('/docs/'))
  await app.register((scope, _, done) => {
    scope.addHook('onRequest', sendWhole)
    void scope.register(swagger, { mode: 'static', specification: { document } })
    void scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: CSP,
      theme: { title: 'Expunge: the HTTP API' },
      uiConfig: { layout: 'BaseLayout', docExpansion: 'list', defaultModelsExpandDepth: 0 },
    })
    done()
  })
}

/** Range and conditional headers may be ignored, and need no problems of their own. */
async function sendWhole({ raw }: FastifyRequest): Promise<void> {
  for (const name of ['range', 'if-match', 'if-unmodified-since']) delete raw.headers[name]
}

/** Icons of the page are data URLs; everything else is served from here. */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
