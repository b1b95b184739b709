import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createProducer, type Producer } from '../../../src/producer/producer.ts'
import type { RowRule } from '../../../src/sandbox/sandbox.ts'
import { startRedis, type TestRedis } from '../../helpers/redis.ts'
import { type RemoteSandbox, startRemoteSandbox } from './remote-sandbox.ts'
import type { Scope } from './scope.ts'

/** Where the random chaos takes place: everything in a process of its own, but for the callers. */
export interface Place {
  readonly org: string
  readonly redis: TestRedis
  readonly sandbox: RemoteSandbox
  readonly producer: Producer
  readonly results: string
  /** Ingest jobs that may be at work at once, those of priority `high` among them. */
  readonly window: number
  /** A worker's settings. */
  readonly env: Readonly<Record<string, string>>
}

const ORG = 'chaos'
const LIMITS = { maxJobRecords: 60, maxInFlight: 5, urgentInFlight: 2 }

export async function openPlace(scope: Scope, rules: readonly RowRule[]): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-chaos-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  const redis = await startRedis(scope, { appendOnly: true })
  const sandbox = await startRemoteSandbox(scope, { rows: { rules }, queueDelayMs: 50 })
  const producer = await createProducer({ redis: redis.url })
  scope.after(() => producer.close())
  const results = join(folder, 'results')
  const config = join(folder, 'expunge.json')
  const { url: loginUrl, clientId, clientSecret } = sandbox
  const settings = {
    worker: { lockMs: 1000, stalledMs: 1000, resendMs: 100 },
    metrics: { port: 0 },
    results: { deleted: true },
    ...LIMITS,
    orgs: { [ORG]: { salesforce: { loginUrl, clientId, clientSecret } } },
  }
  // What is JSON is YAML, too.
  await writeFile(config, JSON.stringify(settings))
  return {
    ...{ org: ORG, redis, sandbox, producer, results },
    window: LIMITS.maxInFlight + LIMITS.urgentInFlight,
    env: { EXPUNGE_CONFIG: config, EXPUNGE_RESULTS: results, REDIS_URL: redis.url },
  }
}
