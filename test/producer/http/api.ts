import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { hashOf } from '../../../src/producer/http/key-secret.ts'
import { startService } from '../../../src/producer/http/start.ts'
import { HTTP_TIMEOUTS, type HttpTimeouts } from '../../../src/producer/http/timeouts.ts'
import { createLogger, type Logger } from '../../../src/shared/base/logger.ts'
import { connectRedis, type RedisConfig } from '../../../src/shared/store/redis/redis.ts'
import type { TestRedis } from '../../helpers/redis.ts'
import type { World } from '../../helpers/world.ts'
import { assertDocumented } from './documented.ts'

/** The HTTP service of a world, over a real socket. */
export interface Api {
  readonly url: string
  readonly service: Awaited<ReturnType<typeof startService>>
  readonly log: readonly Record<string, unknown>[]
  call(path: string, options?: CallOptions): Promise<Answer>
}

export interface CallOptions {
  readonly method?: string
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  readonly body?: RequestInit['body']
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what tests look at.
  readonly json: any
}

export interface ApiOptions {
  readonly redis: TestRedis
  /** Where it is not to be as patient as it would be. */
  readonly timeouts?: Partial<HttpTimeouts>
  /** A key file's text; without one the service has no keys. */
  readonly keys?: string
  readonly host?: string
  /** How many replicas of Redis must have a change before it is answered. */
  readonly replicas?: number
}

interface Scope {
  after(fn: () => Promise<void>): void
}

export const PATH = '/v1/deletion-requests'

export async function startApi(
  t: Scope,
  world: World,
  { redis, keys, timeouts, host = '127.0.0.1', replicas = 0 }: ApiOptions,
): Promise<Api> {
  const log: Record<string, unknown>[] = []
  const path = join(world.folder, 'keys.yaml')
  if (keys !== undefined) await writeFile(path, keys, { mode: 0o600 })
  const http = { host, port: 0, keys: keys === undefined ? null : path }
  const where: RedisConfig = { kind: 'url', url: redis.url, replicas }
  const counting = connectRedis(where, 'fail-fast', () => {})
  t.after(async () => counting.disconnect())
  const service = await startService({
    config: { ...world.config, http },
    redis: where,
    counting,
    metrics: world.metrics,
    log: loggerInto(log),
    version: '1.2.3',
    timeouts: { ...HTTP_TIMEOUTS, redisMs: 10_000, ...timeouts },
  })
  t.after(() => service.stop())
  const call = (path: string, options: CallOptions = {}) => callAt(service.url, path, options)
  return { url: service.url, service, log, call }
}

export function loggerInto(lines: Record<string, unknown>[]): Logger {
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) }
  return createLogger({ level: 'debug', destination })
}

export async function callAt(url: string, path: string, options: CallOptions): Promise<Answer> {
  const { method, key, headers = {}, json, body } = options
  const sent = json === undefined ? body : JSON.stringify(json)
  const verb = method ?? (sent === undefined ? 'GET' : 'POST')
  const response = await fetch(new URL(path, url), {
    method: verb,
    headers: {
      ...(key === undefined ? {} : { Authorization: `Bearer ${key}` }),
      ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(sent === undefined ? {} : { body: sent, duplex: 'half' }),
    redirect: 'manual',
  })
  assertDocumented(verb, path, response)
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text !== '' ? JSON.parse(text) : null,
  }
}

/** An entry of a key file. */
export function keyEntry(
  name: string,
  secret: string,
  {
    roles,
    orgs = '"*"',
    objects = '"*"',
    more = '',
  }: { roles: string; orgs?: string; objects?: string; more?: string },
): string {
  return `${name}: { hash: ${hashOf(secret)}, roles: [${roles}], orgs: ${orgs}, objects: ${objects}${more} }\n`
}

/** A call whose bytes are sent as they are, one after the other. */
export interface OpenCall {
  write(text: string): void
  /** Writes this now and then, for as long as the other side lets it. */
  drip(text: string): void
  /** Breaks off. */
  end(): void
  /** What has come back once there is a whole problem: the other side may wait for a body longer. */
  readonly problem: Promise<string>
  /** Why the connection ended, where it broke; null where it ended in order. */
  readonly failed: Promise<string | null>
  /** All that came back, once the other side has ended. */
  readonly answer: Promise<string>
}

export function openCall(url: string, head: string): OpenCall {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let text = ''
  const problem = Promise.withResolvers<string>()
  socket.setEncoding('utf8').on('data', (data) => {
    text += data
    if (/\r\n\r\n\{.*\}$/s.test(text)) problem.resolve(text)
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  // An end that is not polite is one all the same.
  let failed: string | null = null
  socket.on('error', (error) => {
    failed = error.message
  })
  socket.write(head)
  return {
    write: (more) => void socket.write(more),
    drip: (more) => {
      const timer = setInterval(() => socket.write(more), 20)
      socket.once('close', () => clearInterval(timer))
    },
    end: () => socket.destroy(),
    problem: problem.promise,
    failed: closed.then(() => failed),
    answer: closed.then(() => text),
  }
}

export function rawCall(url: string, ...parts: readonly string[]): Promise<string> {
  const call = openCall(url, parts.join(''))
  return call.answer
}

/** Looks until it is so, or the test is given up. */
export async function until(
  { signal }: { readonly signal: AbortSignal },
  isSo: () => Promise<boolean>,
): Promise<void> {
  while (!(await isSo())) {
    signal.throwIfAborted()
    await delay(5)
  }
}
