import type { Route } from '../route.ts'
import { ROUTES } from '../routes.ts'
import { withNamedSources } from './named-sources.ts'
import { COMPONENT_HEADERS, componentSchemas, type Json, problems } from './parts.ts'

const SHOWN = ROUTES.filter(({ isHidden = false }) => !isHidden)

/** The API's description: OpenAPI 3.1, at `/openapi.json`. */
export function openApiDocument({ version }: { version: string }): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Expunge',
      version,
      summary:
        'Deletes Salesforce records in bulk: plan first, then apply, every id accounted for.',
      description: ABOUT,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: SERVERS,
    security: [{ key: [] }],
    tags: [TAG],
    paths: paths(),
    components: {
      schemas: schemas(),
      headers: COMPONENT_HEADERS,
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description:
            'A key of the key file, as `expunge key` made it. A service without a key file listens on loopback alone and needs none.',
        },
      },
    },
  }
}

const SERVERS = [
  // The absolute URL comes first: several generators put `/` before paths that begin with one.
  { url: 'http://127.0.0.1:8080', description: 'Where `expunge serve` listens by default.' },
  { url: '/', description: 'The service that this document comes from.' },
]

const TAG = {
  name: 'Deletion requests',
  description: 'What is to be deleted, and what became of it.',
}

function paths(): Record<string, Json> {
  const byPath = Map.groupBy(SHOWN, ({ path }) => path)
  return Object.fromEntries(
    [...byPath].map(([path, routes]) => [
      path,
      Object.fromEntries(routes.map((route) => [route.method, operationOf(route)])),
    ]),
  )
}

function operationOf(route: Route): Json {
  const { operationId, summary, description, parameters, body, answers } = route
  const hasBody = body !== undefined
  return {
    operationId,
    tags: [TAG.name],
    summary,
    description,
    parameters,
    ...(hasBody ? { requestBody: { required: body.isRequired, content: body.content } } : {}),
    responses: { ...answers, ...problems(route.problems ?? [], hasBody) },
  }
}

function schemas(): Record<string, Json> {
  const { StoredRequest = {}, ...answers } = componentSchemas()
  const bodies = SHOWN.map(({ body }) => body?.components?.() ?? {})
  const all = Object.assign(
    withNamedSources('StoredRequest', StoredRequest, { prefix: 'Stored' }),
    answers,
    ...bodies,
  )
  return Object.fromEntries(Object.entries<Json>(all).sort())
}

const ABOUT = `A **deletion request** names an org, an object and a source of record ids. Workers plan it first: every id is
read, checked, counted and staged. Only then is anything deleted, in ingest jobs of Bulk API 2.0, and every accepted id gets one verdict.

Submitting is idempotent by \`id\`: repeat a call whose answer was lost with the same id and the same body.

Whatever fails is answered with \`application/problem+json\` (RFC 9457) and a stable \`code\`. Every answer has an
\`X-Request-Id\`, which finds the call in the log of the service.`
