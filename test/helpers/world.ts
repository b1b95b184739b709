import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createProducer, type Producer } from '../../src/producer/producer.ts'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/sandbox.ts'
import type { Clock } from '../../src/shared/base/clock.ts'
import { createLogger, type Logger } from '../../src/shared/base/logger.ts'
import { type Config, loadConfig, type OrgConfig } from '../../src/shared/config/config.ts'
import { type OrgStore, openOrgStore } from '../../src/shared/store/org-store.ts'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import { createMetrics, type Metrics } from '../../src/shared/telemetry/metrics/metrics.ts'
import { type RunningWorker, startWorker } from '../../src/worker/worker.ts'
import type { TestRedis } from './redis.ts'

/** A whole Expunge on one machine: a real Redis, a sandbox, a producer, and workers at call. */
export interface World {
  readonly org: string
  readonly sandbox: Sandbox
  readonly producer: Producer
  readonly metrics: Metrics
  readonly config: Config
  /** A folder of the test's own, and the root of its file sources. */
  readonly folder: string
  readonly results: string
  /** What the org has in Redis, over a connection of its own. */
  readonly store: OrgStore
  /** Each call starts one more worker on the same Redis. */
  startWorker(overrides?: Partial<Config>, own?: WorkersOwn): Promise<RunningWorker>
}

/** What one worker has for itself, where it is not to share it with the others. */
export interface WorkersOwn {
  readonly metrics?: Metrics
  readonly clock?: Clock
  /** Of its machine, which may be wrong. */
  readonly machine?: Clock
  readonly signal?: AbortSignal
  /** To work on this request alone, beside whoever else does. */
  readonly only?: string
}

export interface WorldOptions {
  readonly redis: TestRedis
  readonly sandbox?: SandboxOptions
  readonly org?: Partial<OrgConfig>
  /** Of the org; in a Redis of the test's own alone, for others may use the name too. */
  readonly name?: string
  readonly log?: Logger
  /** The workers'. */
  readonly clock?: Clock
}

interface Scope {
  after(fn: () => Promise<void>): void
}

let worlds = 0

/** Everything is closed and removed after the test, in reverse. */
export async function startWorld(t: Scope, options: WorldOptions): Promise<World> {
  const name = options.name ?? `world-${process.pid}-${++worlds}`
  const folder = await mkdtemp(join(tmpdir(), 'expunge-world-'))
  const closers: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  t.after(async () => {
    for (const close of closers.reverse()) await close()
  })
  const sandbox = await startSandbox(options.sandbox)
  closers.push(() => sandbox.close())
  const producer = await createProducer({ redis: options.redis.url })
  closers.push(() => producer.close())
  const config = await configure(name, folder, sandbox, options)
  const metrics = createMetrics({ version: 'test' })
  const log = options.log ?? createLogger({ level: 'silent' })
  const connection = connectRedis({ kind: 'url', url: options.redis.url }, 'wait', () => {})
  const store = openOrgStore(connection, name, () => {})
  closers.push(async () => {
    await store.close()
    connection.disconnect()
  })
  return {
    org: name,
    sandbox,
    producer,
    metrics,
    config,
    folder,
    results: config.results.path,
    store,
    startWorker: async (overrides = {}, { signal, only, ...own } = {}) => {
      const redis = { kind: 'url', url: options.redis.url } as const
      const parts = {
        ...{ config: { ...config, ...overrides }, redis, metrics, log },
        ...(options.clock === undefined ? {} : { clock: options.clock }),
        ...own,
        ...(only === undefined ? {} : { only: { request: only, amongOthers: true } }),
      }
      const worker = await startWorker(parts, signal)
      closers.push(() => worker.stop())
      return worker
    },
  }
}

async function configure(
  name: string,
  folder: string,
  sandbox: Sandbox,
  { redis, org }: WorldOptions,
): Promise<Config> {
  const config = await loadConfig(
    {
      REDIS_URL: redis.url,
      SALESFORCE_LOGIN_URL: sandbox.url,
      SALESFORCE_CLIENT_ID: sandbox.clientId,
      SALESFORCE_CLIENT_SECRET: sandbox.clientSecret,
      EXPUNGE_RESULTS: join(folder, 'results'),
    },
    { redis: 'required', salesforce: 'required' },
  )
  const base = config.orgs.get('default')
  if (base === undefined) throw new Error('expected an org "default"')
  return {
    ...config,
    orgs: new Map([[name, { ...base, name, ...org }]]),
    files: { roots: [folder] },
    // Longer than a busy machine keeps a process waiting: who loses its lock sends its job again.
    // Tests of sharing turn it on; the others must not wait for companions.
    coalesce: { below: 0, fill: 10_000, waitMs: 0, highWaitMs: 0 },
    worker: { lockMs: 30_000, stalledMs: 1000, resendMs: 0 },
  }
}
