/**
 * What traces cost: small requests over HTTP, worked off by one worker, without traces and with them
 * sent to a collector here. Processor time and memory are those of the two processes.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { startCollector } from '../../test/helpers/collector.ts'
import { ids18 } from '../../test/helpers/ids.ts'
import { startRedis } from '../../test/helpers/redis.ts'
import { inReverse } from '../../test/helpers/scope.ts'
import { callAt, PATH } from '../../test/producer/http/api.ts'
import { startServiceProcess } from '../../test/producer/http/process.ts'
import type { Figures, Scope, Table } from '../table.ts'

const IDS = 10

export const tracing: Table = {
  name: 'tracing',
  title: 'What traces cost: small requests over HTTP, one worker',
  size: { full: 500, quick: 5 },
  rounds: 3,
  figure: 'worker ms a request',
  ways: async (requests) => [
    { name: 'untraced', measure: () => measured(requests, false) },
    { name: 'traced', against: ['untraced'], measure: () => measured(requests, true) },
  ],
}

async function measured(requests: number, isTraced: boolean): Promise<Figures> {
  const closers: (() => Promise<void>)[] = []
  try {
    const scope = inReverse((close) => closers.push(close))
    return await workOff(scope, requests, isTraced)
  } finally {
    for (const close of closers) await close()
  }
}

async function workOff(scope: Scope, requests: number, isTraced: boolean): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  const { url: REDIS_URL } = await startRedis(scope, {})
  const sandbox = await startSandbox({})
  scope.after(() => sandbox.close())
  const collector = await startCollector(scope)
  const env = {
    ...{ REDIS_URL, EXPUNGE_RESULTS: join(folder, 'results'), LOG_LEVEL: 'info' },
    SALESFORCE_LOGIN_URL: sandbox.url,
    SALESFORCE_CLIENT_ID: sandbox.clientId,
    SALESFORCE_CLIENT_SECRET: sandbox.clientSecret,
    EXPUNGE_COALESCE_BELOW: '0',
    ...(isTraced ? { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } : {}),
  }
  const service = startServiceProcess(scope, env)
  const worker = startServiceProcess(scope, env, 'worker')
  const { url } = await service.logged('Producer started.')
  await worker.logged('Worker started.')
  const idle = await Promise.all([service, worker].map(vitalsOf))
  const begun = performance.now()
  for (let n = 0; n < requests; n++) {
    const source = { type: 'ids', ids: ids18(IDS, n * IDS) }
    await callAt(String(url), PATH, { json: { id: `r-${n}`, object: 'Contact', source } })
  }
  while ((worker.said().match(/"msg":"Request settled/g)?.length ?? 0) < requests) await delay(20)
  const seconds = (performance.now() - begun) / 1000
  const busy = await Promise.all([service, worker].map(vitalsOf))
  // The last batch is sent within five seconds.
  if (isTraced) await delay(6000)
  const each = (k: number) => (((busy[k]?.cpu ?? 0) - (idle[k]?.cpu ?? 0)) * 1000) / requests
  return {
    'wall s': seconds,
    'producer ms a request': each(0),
    'worker ms a request': each(1),
    'producer MiB': mib(busy[0]?.rss ?? 0),
    'worker MiB': mib(busy[1]?.rss ?? 0),
    'spans a request': collector.spans.length / requests,
    'bytes a request': Math.round(bytesOf(collector.bodies) / requests),
  }
}

async function vitalsOf(process: ReturnType<typeof startServiceProcess>) {
  const { url } = await process.logged('Serving /metrics, /healthz and /readyz.')
  const text = await (await fetch(new URL('/metrics', String(url)))).text()
  const read = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  return { cpu: read('process_cpu_seconds_total'), rss: read('process_resident_memory_bytes') }
}

function bytesOf(bodies: readonly Buffer[]): number {
  return bodies.reduce((sum, { length }) => sum + length, 0)
}

function mib(bytes: number): number {
  return Math.round(bytes / 1024 / 1024)
}
