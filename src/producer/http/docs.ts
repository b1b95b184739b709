import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { openApiDocument } from './openapi/document.ts'

/** `/openapi.json`, and a page of it for people, all of whose parts come from here. */
export async function docsRoutes(
  app: FastifyInstance,
  { version }: { version: string },
): Promise<void> {
  const description = openApiDocument({ version })
  const text = JSON.stringify(description)
  // The page calls the service that it comes from, whatever its address is outside.
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

/** Parts and conditions may be ignored, and are not worth problems of their own. */
async function sendWhole({ raw }: FastifyRequest): Promise<void> {
  for (const name of ['range', 'if-match', 'if-unmodified-since']) delete raw.headers[name]
}

/** Icons of the page are data URLs; all else is a file of ours. */
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
