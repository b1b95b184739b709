import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Receipt } from '../../../src/producer/producer.ts'
import type { FaultScript } from '../../../src/sandbox/sandbox.ts'
import { type Clock, systemClock } from '../../../src/shared/base/clock.ts'
import type { Config, OrgConfig } from '../../../src/shared/config/config.ts'
import type { RunningWorker } from '../../../src/worker/worker.ts'
import type { TestRedis } from '../../helpers/redis.ts'
import { startWorld, type World } from '../../helpers/world.ts'
import { auditRequest, check, isInDoubt } from './audit.ts'
import { type Child, startChild } from './child.ts'
import { CRASH_AT, TRACE } from './effects.ts'
import { ageStaged, isStaged, leftovers } from './leftovers.ts'
import type { Deed } from './producer-process.ts'
import type { Records } from './records.ts'
import { auditSalesforce } from './referee.ts'
import type { Scope } from './scope.ts'
import { untilFine, within } from './wait.ts'

/** A world of its own for one death: an org, its sandbox, and processes that may die. */
export interface Stage {
  readonly world: World
  readonly records: Records
  /** A worker process that dies at the point, if there is one; resolves once it works or is dead. */
  startWorker(): Promise<Child>
  /** One in this process, in a hurry, that goes on where others have died. */
  startRescuer(): Promise<RunningWorker>
  /** A process that calls, and may die as well. */
  startCaller(deed: Deed): Child
  /** The points that its processes have come to, in order. */
  reached(): Promise<readonly string[]>
  /**
   * Everything that must hold once the request has its receipt, while a worker runs. What a dead
   * process has staged and nobody claims may lie there until the sweep finds it old enough.
   */
  audit(receipt: Receipt): Promise<readonly string[]>
}

export interface StageOptions {
  readonly redis: TestRedis
  readonly records: Records
  readonly org: Partial<OrgConfig>
  readonly faults?: readonly FaultScript[]
  readonly crashAt?: string
  /** Every deleted id is written to `deleted.csv`, and can be held against the sandbox's word. */
  readonly keepDeleted?: boolean
  readonly locks?: Locks
  /** When small requests share an ingest job; none does without it. */
  readonly coalesce?: Config['coalesce']
}

type Locks = Pick<Config['worker'], 'lockMs' | 'stalledMs'>

/** What a dead worker held goes on after two seconds. */
const SHORT_LOCKS: Locks = { lockMs: 1000, stalledMs: 1000 }

/** It looks often, so that a run is short, and knows what time it is all the same. */
const BRISK: Clock = {
  now: systemClock.now,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 50), signal),
}

export async function openStage(scope: Scope, options: StageOptions): Promise<Stage> {
  const { redis, records, org, faults = [], keepDeleted = false } = options
  const sandbox = { rows: { rules: records.rules }, faults }
  const world = await startWorld(scope, { redis, org, sandbox })
  const worker = { ...world.config.worker, ...(options.locks ?? SHORT_LOCKS) }
  const coalesce = options.coalesce ?? world.config.coalesce
  const settings = { worker, audit: { keepDeleted }, coalesce }
  const trace = join(world.folder, 'trace')
  const env = {
    ...(await workerEnvironment(world, redis, settings)),
    [TRACE]: trace,
    ...(options.crashAt === undefined ? {} : { [CRASH_AT]: options.crashAt }),
  }
  return {
    world,
    records,
    startWorker: async () => {
      const child = startChild(scope, 'worker-process', env)
      const started = child.said('Worker started.').catch(() => {})
      await within(30_000, 'a worker has started', started)
      return child
    },
    startRescuer: () => world.startWorker(settings, { clock: BRISK }),
    startCaller: (deed) =>
      startChild(scope, 'producer-process', { ...env, CHAOS_DO: JSON.stringify(deed) }),
    reached: async () => {
      const text = await readFile(trace, 'utf8').catch(() => '')
      return text.split('\n').filter((line) => line !== '')
    },
    audit: async (receipt) => {
      const look = () => audit(world, records, receipt, keepDeleted)
      const complaints = await untilFine(10_000, async () =>
        (await look()).filter((complaint) => !isStaged(complaint)),
      )
      if (complaints.length > 0) return complaints
      await ageStaged(world.store.redis, world.org)
      return untilFine(10_000, look)
    },
  }
}

async function audit(
  world: World,
  records: Records,
  receipt: Receipt,
  keepDeleted: boolean,
): Promise<string[]> {
  const { org, store, results } = world
  const { referee } = world.sandbox
  const limits = world.config.orgs.get(org)
  const verdicts = records.accepted.map((id) => referee.verdictsOf(id))
  const folder = join(results, org, receipt.id)
  const view = await world.producer.inspect(receipt.id, { org })
  return [
    ...(view?.status === receipt.status ? [] : [`the status changed to ${view?.status}`]),
    ...check('ingest jobs of unknown end', receipt.ingestJobs.filter(isInDoubt).length, 0),
    ...(await auditRequest({
      records,
      receipt,
      folder,
      verdicts,
      isShared: false,
      keepDeleted,
      forgotten: new Set(),
    })),
    ...auditSalesforce({
      stats: referee.stats(),
      deletedAsPlanned: verdicts.filter((codes) => codes.includes('DELETED')).length,
      window: (limits?.maxInFlight ?? 0) + (limits?.urgentInFlight ?? 0),
    }),
    ...(await leftovers(store.redis, org)),
  ]
}

/** The world's settings as the environment of a worker process. */
async function workerEnvironment(
  world: World,
  redis: TestRedis,
  { worker, audit, coalesce }: Pick<Config, 'worker' | 'audit' | 'coalesce'>,
): Promise<Readonly<Record<string, string>>> {
  const config = join(world.folder, 'expunge.json')
  const { maxJobRecords, maxInFlight, urgentInFlight } = world.config.orgs.get(world.org) ?? {}
  const { url, clientId, clientSecret } = world.sandbox
  const settings = {
    worker,
    coalesce,
    results: { deleted: audit.keepDeleted },
    metrics: { port: 0 },
    ...{ maxJobRecords, maxInFlight, urgentInFlight },
    orgs: { [world.org]: { salesforce: { loginUrl: url, clientId, clientSecret } } },
  }
  // What is JSON is YAML, too.
  await writeFile(config, JSON.stringify(settings))
  return { EXPUNGE_CONFIG: config, EXPUNGE_RESULTS: world.results, REDIS_URL: redis.url }
}
