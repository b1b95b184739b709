import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { type RowRules, type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { listenHere } from '../helpers/http-server.ts'
import { startMortal } from '../helpers/mortal.ts'
import { startPrometheus, type TestPrometheus } from '../helpers/prometheus.ts'
import { startRedis, type TestRedis } from '../helpers/redis.ts'
import { RULES, RUNBOOKS } from './rule-files.ts'

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
  /** SIGTERM to both; resolves when they have ended. */
  stopWorkers(): Promise<void>
}

export interface FleetOptions {
  /** Row errors; by default some that pass and some that stay. */
  readonly rows?: RowRules
  /** Rows that Salesforce processes in a second. */
  readonly rowsPerSecond?: number
  /** Keeps Prometheus's data here. */
  readonly data?: string
  /** Alerts wait seconds instead of minutes before they fire. */
  readonly isHurried?: boolean
}

interface Scope {
  after(fn: () => Promise<void>): void
}

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')

const SOME_FAIL: RowRules = {
  rules: [
    { code: 'DELETE_FAILED', ratio: 0.05 },
    { code: 'UNABLE_TO_LOCK_ROW', ratio: 0.05, times: 1 },
  ],
}

export async function startFleet(t: Scope, options: FleetOptions = {}): Promise<Fleet> {
  const { rows = SOME_FAIL, rowsPerSecond, data, isHurried = false } = options
  const folder = await mkdtemp(join(tmpdir(), 'expunge-fleet-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const redis = await startRedis(t, { args: ['--maxmemory', '100mb'], appendOnly: isHurried })
  const sandbox = await startSandbox({ rows, ...(rowsPerSecond && { rowsPerSecond }) })
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
  const rules = isHurried ? await hurried(folder) : RULES
  const config = await aim(folder, targets, rules)
  const args = [`--web.console.templates=${RUNBOOKS}`]
  const prometheus = await startPrometheus(t, config, { args, ...(data && { data }) })
  const stopWorkers = async () => {
    await Promise.all(workers.map(({ stop }) => stop()))
  }
  const all = Object.values(targets).flat()
  return { redis, sandbox, apis, pages: all, receiver, prometheus, stopWorkers }
}

/** The rules with each `for` a 60th of what it is. */
async function hurried(folder: string): Promise<string> {
  const rules = join(folder, 'rules/')
  await mkdir(rules)
  for (const name of (await readdir(RULES)).filter((one) => one.endsWith('.rules.yml'))) {
    const text = await readFile(RULES + name, 'utf8')
    const faster = { m: 's', h: 'm' } as const
    const quick = text.replaceAll(
      /( for: \d+)([mh])/g,
      (_, time, unit: 'm' | 'h') => time + faster[unit],
    )
    await writeFile(rules + name, quick)
  }
  return rules
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
    coalesce: { waitMs: 500, highWaitMs: 100 },
  })
  await writeFile(path, text, { mode: 0o600 })
  return path
}

/** Our own prometheus.yml, but with targets that are here, and faster. */
async function aim(
  folder: string,
  targets: Readonly<Record<string, readonly string[]>>,
  rules: string,
): Promise<string> {
  const text = await readFile(new URL('../../grafana/prometheus.yml', import.meta.url), 'utf8')
  const jobs = z.looseObject({ scrape_configs: z.array(z.object({ job_name: z.string() })) })
  const { scrape_configs, ...rest } = jobs.parse(parse(text))
  const config = {
    ...rest,
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [`${rules}*.rules.yml`],
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
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>
}

/** `expunge serve` or `expunge worker`, killed after the test. */
function start(t: Scope, command: string, env: Readonly<Record<string, string>>): Process {
  const own = { ...env, HOME: process.env['HOME'] ?? '' }
  const { child, said } = startMortal(t, [process.execPath, MAIN, command], own)
  return {
    stop: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    },
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
  return `${await listenHere(t, server)}/`
}
