import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { startMortal } from '../helpers/mortal.ts'
import { startPrometheus, type TestPrometheus } from '../helpers/prometheus.ts'
import { startRedis, type TestRedis } from '../helpers/redis.ts'
import { RULES } from './rule-files.ts'

/** Two producers and two workers, each a process of its own, and a Prometheus that scrapes them. */
export interface Fleet {
  readonly redis: TestRedis
  readonly sandbox: Sandbox
  /** Where the producers take requests. */
  readonly apis: readonly string[]
  /** Where each of the four serves its metrics. */
  readonly pages: readonly string[]
  /** A server that takes callbacks. */
  readonly receiver: string
  readonly prometheus: TestPrometheus
}

interface Scope {
  after(fn: () => Promise<void>): void
}

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')

export async function startFleet(t: Scope): Promise<Fleet> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-fleet-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const redis = await startRedis(t, { args: ['--maxmemory', '100mb'] })
  const sandbox = await startSandbox({
    rows: {
      rules: [
        { code: 'DELETE_FAILED', ratio: 0.05 },
        { code: 'UNABLE_TO_LOCK_ROW', ratio: 0.05, times: 1 },
      ],
    },
  })
  t.after(() => sandbox.close())
  const receiver = await startReceiver(t)
  const env = {
    REDIS_URL: redis.url,
    EXPUNGE_CONFIG: await configure(folder, sandbox, receiver),
    EXPUNGE_RESULTS: join(folder, 'results'),
    EXPUNGE_METRICS_PORT: '0',
    EXPUNGE_HTTP_PORT: '0',
  }
  const producers = [start(t, 'serve', env), start(t, 'serve', env)]
  const workers = [start(t, 'worker', env), start(t, 'worker', env)]
  const pages = (processes: readonly Process[]) =>
    Promise.all(processes.map(({ logged }) => logged('Serving /metrics')))
  const targets = {
    'expunge-producer': await pages(producers),
    'expunge-worker': await pages(workers),
  }
  await Promise.all(workers.map(({ logged }) => logged('Worker started')))
  const apis = await Promise.all(producers.map(({ logged }) => logged('Producer started')))
  const prometheus = await startPrometheus(t, await aim(folder, targets))
  return { redis, sandbox, apis, pages: Object.values(targets).flat(), receiver, prometheus }
}

async function configure(folder: string, sandbox: Sandbox, receiver: string): Promise<string> {
  const secrets = join(folder, 'secrets')
  await writeFile(secrets, `${'0123456789abcdef'.repeat(2)}\n`, { mode: 0o600 })
  const salesforce = {
    loginUrl: sandbox.url,
    clientId: sandbox.clientId,
    clientSecret: sandbox.clientSecret,
  }
  const path = join(folder, 'expunge.yaml')
  const text = stringify({
    orgs: { default: { salesforce } },
    callbacks: {
      receivers: { test: { url: receiver, secretsFile: secrets } },
      allow: ['127.0.0.1'],
    },
    worker: { resendMs: 100 },
  })
  await writeFile(path, text, { mode: 0o600 })
  return path
}

/** Our own prometheus.yml, but with targets that are here, and faster. */
async function aim(
  folder: string,
  targets: Readonly<Record<string, readonly string[]>>,
): Promise<string> {
  const text = await readFile(new URL('../../grafana/prometheus.yml', import.meta.url), 'utf8')
  const jobs = z.looseObject({ scrape_configs: z.array(z.object({ job_name: z.string() })) })
  const { scrape_configs, ...rest } = jobs.parse(parse(text))
  const config = {
    ...rest,
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [`${RULES}*.rules.yml`],
    scrape_configs: scrape_configs.map(({ job_name }) => ({
      job_name,
      static_configs: [{ targets: (targets[job_name] ?? []).map((url) => new URL(url).host) }],
    })),
  }
  const path = join(folder, 'prometheus.yml')
  await writeFile(path, stringify(config))
  return path
}

interface Process {
  /** The URL in the line that begins so, once it was logged; empty where that line has none. */
  logged(message: string): Promise<string>
}

/** `expunge serve` or `expunge worker`, killed after the test. */
function start(t: Scope, command: string, env: Readonly<Record<string, string>>): Process {
  const own = { ...env, HOME: process.env['HOME'] ?? '' }
  const { said } = startMortal(t, [process.execPath, MAIN, command], own)
  return {
    logged: async (message) => {
      const line = await said((text) => text.includes(`"msg":"${message}`))
      return z.object({ url: z.string().default('') }).parse(JSON.parse(line)).url
    },
  }
}

async function startReceiver(t: Scope): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('expected a port')
  return `http://127.0.0.1:${address.port}/`
}
