import { CSV_PATH, REQUESTS_PATH } from '../routes/submit.ts'
import { componentSchemas } from './components.ts'
import type { Json } from './json.ts'
import { operations, TAG } from './operations.ts'
import { COMPONENT_HEADERS } from './responses.ts'

/** The description of the API: OpenAPI 3.1, at `/openapi.json`. */
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
      schemas: componentSchemas(),
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
  // First one that is whole: several generators put `/` before paths that begin with one.
  { url: 'http://127.0.0.1:8080', description: 'Where `expunge serve` listens by default.' },
  { url: '/', description: 'The service that this document comes from.' },
]

function paths(): Record<string, Json> {
  const { submit, upload, list, look, approve, cancel, results } = operations()
  return {
    [REQUESTS_PATH]: { post: submit, get: list },
    [CSV_PATH]: { post: upload },
    [`${REQUESTS_PATH}/{id}`]: { get: look },
    [`${REQUESTS_PATH}/{id}/approve`]: { post: approve },
    [`${REQUESTS_PATH}/{id}/cancel`]: { post: cancel },
    [`${REQUESTS_PATH}/{id}/results/{file}`]: { get: results },
  }
}

/** The paths of the API as a router writes them. */
export function documentedPaths(): readonly string[] {
  return Object.keys(paths()).map((path) => path.replaceAll(/\{(\w+)\}/g, ':$1'))
}

const ABOUT = `A **deletion request** names an org, an object and a source of record ids. Workers plan it first: every id is
read, checked, counted and staged. Only then is anything deleted, in ingest jobs of Bulk API 2.0, and every accepted id gets one verdict.

Submitting is idempotent by \`id\`: repeat a call whose answer was lost with the same id and the same body.

Whatever fails is answered with \`application/problem+json\` (RFC 9457) and a stable \`code\`. Every answer has an
\`X-Request-Id\`, which finds the call in the log of the service.`
