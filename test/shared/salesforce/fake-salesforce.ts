import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Clock } from '../../../src/shared/base/clock.ts'
import { createSalesforce } from '../../../src/shared/salesforce/client.ts'
import type { Quota } from '../../../src/shared/salesforce/transport.ts'
import { listenHere } from '../../helpers/http-server.ts'

export type SalesforceOptions = Parameters<typeof createSalesforce>[0]
type CallReport = Parameters<NonNullable<SalesforceOptions['onCall']>>[0]

export const API = '/services/data/v61.0'
export const JOBS = `${API}/jobs/ingest`
export const JOB = '7505fEXAMPLE4C2AAM'
export const ORG_18 = '00D5f000004XZjpEAG'
export const SECRET = 'the+consumer/secret='

/** One request as the server saw it; `body` grows while it comes in. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  body: string
  /** Whether the whole of it arrived. */
  complete: boolean
}

export type Handler = (
  request: IncomingMessage & { seen: Seen },
  response: ServerResponse,
) => unknown

/** A server on a free port that answers with the handler of `METHOD /path`, `*` for all others. */
export async function serve(t: TestContext, routes: Record<string, Handler>) {
  const seen: Seen[] = []
  let connections = 0
  const server = createServer((request, response) => {
    const one: Seen = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: '',
      complete: false,
    }
    seen.push(one)
    request.on('data', (bytes: Buffer) => {
      one.body += bytes.toString('latin1')
    })
    request.on('end', () => {
      one.complete = true
    })
    request.on('error', () => {})
    const handler = routes[`${one.method} ${one.path.split('?')[0]}`] ?? routes['*']
    if (!handler) return json(response, 404, NOT_FOUND)
    const handled = handler(Object.assign(request, { seen: one }), response)
    if (handled instanceof Promise)
      handled.catch((error: unknown) => response.destroy(toError(error)))
  })
  server.on('connection', () => {
    connections += 1
  })
  const url = await listenHere(t, server)
  return {
    url,
    host: new URL(url).host,
    seen,
    calls: () => seen.map(({ method, path }) => `${method} ${path}`),
    connections: () => connections,
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

export const NOT_FOUND = [
  { errorCode: 'NOT_FOUND', message: 'The requested resource does not exist' },
]
export const EXPIRED = [{ message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' }]

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json;charset=UTF-8' })
  response.end(JSON.stringify(body))
}

/** Waits until the request's body is in. */
export async function received(request: IncomingMessage): Promise<void> {
  request.resume()
  if (!request.complete) await once(request, 'end')
}

/** A clock that stands still and whose sleeps end at once, in a list. */
export function stillClock(now = Date.UTC(2026, 0, 2)) {
  const slept: number[] = []
  const clock: Clock = {
    now: () => now,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted()
      slept.push(ms)
    },
  }
  return { clock, slept }
}

export const TOKEN = (issued: number) => `00D5f000004XZjp!AQ4.token${issued}`

/**
 * A client with client credentials against a server that issues `TOKEN(1)`, `TOKEN(2)`, … and
 * answers the given routes.
 */
export async function setup(
  t: TestContext,
  routes: Record<string, Handler> = {},
  options: Partial<SalesforceOptions> = {},
) {
  let issued = 0
  const server = await serve(t, {
    'POST /services/oauth2/token': async (request, response) => {
      await received(request)
      issued += 1
      const instance_url = `http://${request.headers.host}`
      json(response, 200, { access_token: TOKEN(issued), instance_url, token_type: 'Bearer' })
    },
    ...routes,
  })
  const { clock, slept } = stillClock()
  const reports: CallReport[] = []
  const quotas: Quota[] = []
  const salesforce = createSalesforce({
    credentials: {
      kind: 'client-credentials',
      loginUrl: server.url,
      clientId: 'the-consumer-key',
      clientSecret: SECRET,
    },
    apiVersion: '61.0',
    clock,
    onCall: (report) => reports.push(report),
    onQuota: (quota) => quotas.push(quota),
    ...options,
  })
  t.after(() => salesforce.close())
  const outcomes = () => reports.map(({ operation, status }) => `${operation} ${status}`)
  return { server, salesforce, slept, clock, outcomes, quotas }
}

/** An ingest job as the documentation shows it. */
export function job(over: Record<string, unknown> = {}) {
  return {
    id: JOB,
    operation: 'delete',
    object: 'Contact',
    createdById: '0055fEXAMPLEtG4AAM',
    createdDate: '2026-01-02T21:33:43.000+0000',
    systemModstamp: '2026-01-02T21:33:43.000+0000',
    state: 'Open',
    concurrencyMode: 'Parallel',
    contentType: 'CSV',
    apiVersion: 61.0,
    ...over,
  }
}

export async function* blocks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

export async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}

/** A secret in a file, as its setting names it. */
export async function fileOf(t: TestContext, content: string) {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-secret-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'secret')
  await writeFile(path, content)
  return { path, setting: 'SALESFORCE_CLIENT_SECRET_FILE' }
}
