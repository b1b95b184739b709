import type { IncomingHttpHeaders } from 'node:http'
import got, { type Got, TimeoutError } from 'got'
import type { Clock } from '../base/clock.ts'
import { codeOf, messageOf } from '../base/errors.ts'
import { effect } from '../base/trace.ts'
import { createAgents, DEFAULT_TIMEOUTS, type ProxyEnv, type Timeouts } from './connections.ts'
import { readBeforeFailing } from './early-answer.ts'
import type { ApiOperation } from './errors.ts'
import { errorFromNetwork } from './fault.ts'

/** One HTTP call. */
interface Exchange {
  readonly operation: ApiOperation
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: URL
  readonly token?: string | undefined
  readonly json?: object | undefined
  readonly form?: Readonly<Record<string, string>> | undefined
  /** A CSV of known length. It is read once, as fast as the socket accepts it. */
  readonly csv?: { readonly bytes: number; readonly stream: AsyncIterable<Uint8Array> } | undefined
  readonly signal?: AbortSignal | undefined
}

/** An answer with any status: the head has arrived, the body is still to be read. */
export interface Answer {
  readonly operation: ApiOperation
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly host: string
  /** The body, decompressed. Throws a SalesforceError if it breaks off. */
  body(): AsyncGenerator<Uint8Array, void, undefined>
  /** Ends the call at any point. */
  discard(): void
}

/** Figures of one call, for metrics. */
interface CallReport {
  readonly operation: ApiOperation
  /** The HTTP status, or why there was none: `network`, `timeout`, `aborted`. */
  readonly status: string
  /** Until the head of the answer, in milliseconds. */
  readonly durationMs: number
}

interface TransportOptions {
  readonly clock: Clock
  readonly timeouts?: Partial<Timeouts> | undefined
  /** Contains HTTPS_PROXY and NO_PROXY. */
  readonly proxyEnv?: ProxyEnv | undefined
  readonly version?: string | undefined
  readonly onCall?: ((report: CallReport) => void) | undefined
  readonly onQuota?: ((quota: Quota) => void) | undefined
}

/** Single HTTP calls: no login, no retries, no interpretation of statuses. */
export interface Transport {
  /** @throws {SalesforceError} if no answer came; the signal's reason if it aborted. */
  exchange(exchange: Exchange): Promise<Answer>
  close(): void
}

export function createTransport(options: TransportOptions): Transport {
  const { clock, onCall, onQuota } = options
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts }
  const agents = createAgents(timeouts.connect, options.proxyEnv)
  const client = createClient(timeouts, options.version)

  return {
    async exchange(exchange) {
      const { operation, signal } = exchange
      signal?.throwIfAborted()
      const start = clock.now()
      const report = (status: string) =>
        onCall?.({ operation, status, durationMs: clock.now() - start })
      const answer = await effect(`salesforce:${operation}`, () =>
        open(client, agents, exchange),
      ).catch((error: unknown) => {
        report(signal?.aborted ? 'aborted' : error instanceof TimeoutError ? 'timeout' : 'network')
        throw withoutSecrets(error, exchange, null)
      })
      report(String(answer.status))
      const quota = parseApiUsage(answer.headers)
      if (quota) onQuota?.(quota)
      return answer
    },
    close() {
      agents.close()
    },
  }
}

function createClient(timeouts: Timeouts, version: string | undefined): Got {
  return got.extend({
    timeout: {
      lookup: timeouts.connect,
      connect: timeouts.connect,
      secureConnect: timeouts.connect,
      response: timeouts.response,
      socket: timeouts.idle,
    },
    headers: {
      'user-agent': version === undefined ? 'expunge' : `expunge/${version}`,
      'accept-encoding': 'gzip',
    },
    // A redirect could send the token to another host.
    followRedirect: false,
    // Statuses are interpreted in `answer.ts` and `fault.ts`, with their bodies; retries are in
    // `retry.ts`.
    throwHttpErrors: false,
    retry: { limit: 0 },
  })
}

/** Everything uses got's streams: the same path for ten bytes and for a gigabyte. */
async function open(
  client: Got,
  agents: ReturnType<typeof createAgents>,
  exchange: Exchange,
): Promise<Answer> {
  const { operation, method, url, token, json, form, csv, signal } = exchange
  const stream = client.stream(url, {
    method,
    agent: agents.for(url),
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(csv && { 'content-type': 'text/csv', 'content-length': String(csv.bytes) }),
    },
    ...(json && { json }),
    ...(form && { form }),
    ...(csv && { body: csv.stream }),
    ...(signal && { signal }),
  })
  if (csv) stream.on('socket', readBeforeFailing)
  // Without a body, got leaves the writable side open and waits for one to be piped in.
  if (!json && !form && !csv && method !== 'GET') stream.end()
  const head = await new Promise<Pick<Answer, 'headers'> & { statusCode: number }>(
    (resolve, reject) => {
      stream.once('response', resolve)
      // The listener stays: an error between two reads of the body must not be uncaught.
      stream.on('error', (error) => {
        reject(error)
        stream.destroy()
      })
    },
  )
  return {
    operation,
    status: head.statusCode,
    headers: head.headers,
    host: url.host,
    async *body() {
      try {
        for await (const bytes of stream) yield bytes
      } catch (error) {
        throw withoutSecrets(error, exchange, head.statusCode)
      } finally {
        stream.destroy()
      }
    },
    discard() {
      stream.destroy()
    },
  }
}

/** got's errors contain the request, which contains the token, so none leaves this file. */
function withoutSecrets(error: unknown, exchange: Exchange, status: number | null): unknown {
  const { signal, operation, url } = exchange
  if (signal?.aborted) return signal.reason
  // Not all are got's errors: a failed write comes as Node's.
  const { code, message: text } = toNetworkError(error)
  return errorFromNetwork(operation, url.origin, { code, text, status })
}

function toNetworkError(error: unknown): { code: string; message: string } {
  // OpenSSL's text continues with internal source locations.
  const [, reason] = /:SSL routines:[^:]*:([^:]+):/.exec(messageOf(error)) ?? []
  const message = reason === undefined ? messageOf(error) : `TLS failed, ${reason}`
  return { code: codeOf(error) ?? 'ERR_UNKNOWN', message }
}

/** API calls of the org in the last 24 hours, as reported by every answer. */
export interface Quota {
  readonly used: number
  readonly max: number
}

/** Parses `Sforce-Limit-Info: api-usage=18/15000`; a usage per app may follow. */
function parseApiUsage(headers: IncomingHttpHeaders): Quota | undefined {
  const header = headers['sforce-limit-info']
  const match = /(?:^|[^-\w])api-usage=(\d+)\/(\d+)/.exec(String(header ?? ''))
  return match ? { used: Number(match[1]), max: Number(match[2]) } : undefined
}
