import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'
import { ConfigError, messageOf } from '../base/errors.ts'

/**
 * `/metrics`, `/healthz` and `/readyz` of one process. `/healthz` reports that the process runs,
 * and succeeds without Redis: a restart would not bring Redis back. `/readyz` fails without Redis.
 */
interface StatusServer {
  /** Its address, with the actual port if 0 was configured. */
  readonly url: string
  close(): Promise<void>
}

/** @throws ConfigError if it cannot listen on the address */
export async function startStatusServer({
  host,
  port,
  registry,
  ready,
  gaps = () => [],
}: {
  host: string
  port: number
  registry: Registry
  /** Resolves to null if the process can do its work, else to what is missing. */
  ready: () => Promise<string | null>
  /** What a process that is ready cannot do. */
  gaps?: (() => readonly string[]) | undefined
}): Promise<StatusServer> {
  const server = createServer((request, response) => {
    answer(request, response, { registry, ready, gaps }).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined)
    })
  })
  await listen(server, host, port)
  const address = server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Answers {
  readonly registry: Registry
  readonly ready: () => Promise<string | null>
  readonly gaps: () => readonly string[]
}

async function answer(
  { url = '/', method = '' }: IncomingMessage,
  response: ServerResponse,
  { registry, ready, gaps }: Answers,
): Promise<void> {
  const [path] = url.split('?', 1)
  if (PATHS.has(path) && method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' })
    response.end('Expected one of the methods GET, HEAD.\n')
    return
  }
  switch (path) {
    case '/metrics':
      response.setHeader('Content-Type', registry.contentType)
      response.end(await registry.metrics())
      return
    case '/healthz':
      response.end('ok\n')
      return
    case '/readyz': {
      const missing = await ready()
      response.statusCode = missing === null ? 200 : 503
      const lines = missing === null ? ['ready', ...gaps()] : [`not ready: ${missing}`]
      response.end(lines.map((line) => `${line}\n`).join(''))
      return
    }
    default:
      response.statusCode = 404
      response.end('Here are /metrics, /healthz and /readyz.\n')
  }
}

const PATHS: ReadonlySet<string | undefined> = new Set(['/metrics', '/healthz', '/readyz'])

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (error) {
    throw new ConfigError([
      {
        setting: 'EXPUNGE_METRICS_HOST, EXPUNGE_METRICS_PORT',
        message: `expected an address to listen on, got ${host}:${port}: ${messageOf(error)}. Another process may use it; choose another port.`,
      },
    ])
  }
}
