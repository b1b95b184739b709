import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { createProducer, type Producer } from '../../../src/producer/producer.ts'
import type { RowRule } from '../../../src/sandbox/sandbox.ts'
import { orgKeys } from '../../../src/shared/store/ledger/keys.ts'
import { type OrgStore, openOrgStore } from '../../../src/shared/store/org-store.ts'
import { connectRedis } from '../../../src/shared/store/redis/redis.ts'
import { replicatedTo } from '../../../src/shared/store/redis/replicated.ts'
import { freePort } from '../../helpers/free-port.ts'
import { type Disk, openDisk } from './disk.ts'
import type { Random } from './random.ts'
import { type Receiver, startReceiver } from './receiver.ts'
import { type RemoteSandbox, startRemoteSandbox } from './remote-sandbox.ts'
import type { Scope } from './scope.ts'
import type { Servers } from './servers.ts'

/** Where the random chaos takes place: everything in a process of its own, but for the callers. */
export interface Place {
  readonly org: string
  readonly servers: Servers
  /** What the org has in Redis, over a connection of its own that waits for it. */
  readonly store: OrgStore
  readonly sandbox: RemoteSandbox
  readonly producer: Producer
  /** The queue of requests as somebody sees it who speaks nothing but BullMQ. */
  readonly door: Queue
  /** What is added by that door is answered once the replicas have it, as by every other. */
  readonly kept: ReturnType<typeof replicatedTo>
  /** URL of the HTTP service, which may be dead at any moment. */
  readonly service: string
  readonly receiver: Receiver
  readonly disk: Disk
  readonly results: string
  /** Folder in which the sandbox keeps each ingest job's upload, somewhere below. */
  readonly uploads: string
  /** Ingest jobs that may be at work at once, those of priority `high` among them. */
  readonly window: number
  /** Settings of a worker, and of the service. */
  readonly env: Readonly<Record<string, string>>
  /** Requests that have no receipt yet. */
  underWay(): Promise<number>
}

const LIMITS = { maxJobRecords: 400, maxInFlight: 8, urgentInFlight: 2 }
const SECRET = 'of the chaos, to sign its callbacks with'

export async function openPlace(
  scope: Scope,
  servers: Servers,
  rules: readonly RowRule[],
  random: Random,
  org: string,
): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-chaos-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  const onError = () => {}
  const uploads = join(folder, 'uploads')
  const sandbox = await startRemoteSandbox(scope, {
    ...{ rows: { rules }, queueDelayMs: 50, directory: uploads },
  })
  const producer = await createProducer({ redis: servers.config, onError })
  scope.after(() => producer.close())
  const redis = connectRedis(servers.config, 'wait', onError)
  scope.after(async () => redis.disconnect())
  const store = openOrgStore(redis, org, onError)
  const door = new Queue('requests', { connection: redis, prefix: orgKeys(org).prefix })
  door.on('error', onError)
  const kept = replicatedTo(redis, servers.config.replicas ?? 0, 'The job is to be added again.')
  const receiver = await startReceiver(scope, random)
  const results = join(folder, 'results')
  await mkdir(results)
  const disk = await openDisk(scope, results)
  const port = await freePort()
  const config = join(folder, 'expunge.json')
  await writeFile(join(folder, 'secrets'), `${SECRET}\n`)
  const { url: loginUrl, clientId, clientSecret } = sandbox
  const settings = {
    redis: servers.settings,
    worker: { lockMs: 1000, stalledMs: 1000, resendMs: 100 },
    coalesce: { waitMs: 300, highWaitMs: 100 },
    metrics: { port: 0 },
    http: { port },
    results: { path: results, deleted: true },
    callbacks: {
      allow: ['127.0.0.1'],
      receivers: { chaos: { url: receiver.origin, secretsFile: join(folder, 'secrets') } },
    },
    ...LIMITS,
    orgs: { [org]: { salesforce: { loginUrl, clientId, clientSecret } } },
  }
  // What is JSON is YAML, too.
  await writeFile(config, JSON.stringify(settings))
  return {
    ...{
      org,
      servers,
      store,
      sandbox,
      producer,
      door,
      kept,
      receiver,
      disk,
      results,
      uploads,
    },
    service: `http://127.0.0.1:${port}`,
    window: LIMITS.maxInFlight + LIMITS.urgentInFlight,
    env: { EXPUNGE_CONFIG: config },
    underWay: () => redis.zcard(store.ledger.keys.live),
  }
}
