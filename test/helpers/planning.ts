import type { Clock } from '../../src/shared/base/clock.ts'
import type { Context } from '../../src/shared/base/context.ts'
import { createLogger } from '../../src/shared/base/logger.ts'
import { railsOf } from '../../src/shared/config/config.ts'
import { openResultsStore } from '../../src/shared/results/open.ts'
import type { Salesforce } from '../../src/shared/salesforce/client.ts'
import type { JobLock } from '../../src/shared/store/ledger/keys.ts'
import type { Ledger } from '../../src/shared/store/ledger/ledger.ts'
import { createStaging, type Staging } from '../../src/shared/store/staging/staging.ts'
import { OrgGate } from '../../src/worker/gate/org-gate.ts'
import { StopWatch } from '../../src/worker/gate/stop-watch.ts'
import { type PlannerDeps, planRequest } from '../../src/worker/plan/planner.ts'
import { leapingClock } from './clock.ts'
import type { World } from './world.ts'

/** Planning and settling by hand, step by step, where a worker would be too quick to be met. */

/** What happens in between, of the caller's making. */
export interface Between {
  /** Before ids are staged, each time. */
  readonly staging?: () => Promise<void>
  readonly ledger?: (real: Ledger) => Partial<Ledger>
}

export async function plannerDeps(world: World, between: Between = {}): Promise<PlannerDeps> {
  const { config, store, metrics } = world
  const org = config.orgs.get(world.org)
  if (org === undefined) throw new Error(`expected an org ${world.org}`)
  const { connection, ledger } = store
  const staging = createStaging(connection, ledger.keys, () => Date.now())
  return {
    store: {
      ...store,
      ledger: { ...ledger, ...between.ledger?.(ledger) },
      staging: between.staging === undefined ? staging : interrupted(staging, between.staging),
    },
    results: await openResultsStore(world.config.results),
    ...{ metrics, org, rails: railsOf(config, org), maxPlanMemory: config.maxPlanMemory },
    ...{ planHours: config.planHours, sources: config.sources, salesforce: null },
  }
}

/** The org of a world for plans that ask it. */
export function planningOrg(
  { store: { ledger } }: World,
  salesforce: Salesforce,
): NonNullable<PlannerDeps['salesforce']> {
  const { log, clock } = context()
  const gate = new OrgGate({ ledger, clock, stopWatch: new StopWatch({ ledger, clock, log }) })
  const halt = (error: Error) => {
    throw error
  }
  return { ...salesforce, gate, halt }
}

function interrupted(staging: Staging, before: () => Promise<void>): Staging {
  return {
    ...staging,
    write: (lot, chunk) => {
      const writer = staging.write(lot, chunk)
      const write = async (bytes: Uint8Array) => {
        await before()
        await writer.write(bytes)
      }
      return { write, end: () => writer.end() }
    },
  }
}

/** Plans a request as the worker would that has its BullMQ job, which is gone then. */
export async function planByHand(
  world: World,
  id: string,
  deps: PlannerDeps,
  ctx: Context = context(),
): Promise<void> {
  const lock = await planLock(world, id)
  await planRequest(id, lock, deps, ctx)
  await world.store.redis.del(world.store.ledger.keys.lock(lock))
  await (await world.store.queues()).requests.remove(lock.jobId)
}

/** The lock of a request's plan, held by this worker from now on. */
export async function planLock({ store }: World, id: string, token = 'me'): Promise<JobLock> {
  const lock = { queue: 'requests', jobId: `p-${id.toLowerCase()}`, token }
  await store.redis.set(store.ledger.keys.lock(lock), token)
  return lock
}

export function context(fields: { signal?: AbortSignal; clock?: Clock } = {}): Context {
  return {
    log: createLogger({ level: 'silent' }),
    clock: leapingClock(),
    signal: new AbortController().signal,
    ...fields,
  }
}
