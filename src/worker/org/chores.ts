import type { Clock } from '../../shared/base/clock.ts'
import type { Context } from '../../shared/base/context.ts'
import type { ExpungeError } from '../../shared/base/errors.ts'
import type { Logger } from '../../shared/base/logger.ts'
import type { Config, OrgConfig } from '../../shared/config/config.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import type { ResultsStore } from '../../shared/results/results-store.ts'
import type { Identity, Salesforce } from '../../shared/salesforce/client.ts'
import { WrongOrgError } from '../../shared/salesforce/errors.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { parseCallbackJob, parseIngestJob } from '../../shared/store/queues/queues.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'
import { deliverCallback, type openCallbacks } from '../callbacks/deliver.ts'
import type { QuotaGovernor } from '../gate/governor.ts'
import { OrgGate } from '../gate/org-gate.ts'
import { StopWatch } from '../gate/stop-watch.ts'
import { Peers } from '../ingest/peers.ts'
import { processIngestJob } from '../ingest/processor.ts'
import { relistChunk } from '../ingest/relist.ts'
import type { Process } from '../jobs/jobs-in-hand.ts'
import type { Loop } from '../jobs/loop.ts'
import type { PlannerDeps } from '../plan/planner.ts'
import { startQuotaWatch } from '../upkeep/quota-watch.ts'
import type { startSweeper } from '../upkeep/sweep.ts'
import { orRefuse } from './door/door.ts'
import { processRequestJob } from './requests.ts'

/** One request to work on, ignoring all other orders. */
export interface OnlyRequest {
  readonly request: string
  /** Whether other workers may use the same Redis: then shared settings are theirs to change. */
  readonly amongOthers: boolean
}

/** What all orgs of a worker process share. */
export interface WorkerParts {
  readonly config: Config
  readonly results: ResultsStore
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: Clock
  /** Null if none are configured. */
  readonly callbacks: Awaited<ReturnType<typeof openCallbacks>>
  /** The only request to work on; null to work on all. */
  readonly only: OnlyRequest | null
}

/** An org whose login succeeded. */
export interface Connected {
  readonly salesforce: Salesforce
  readonly identity: Identity
  /** The org's guard rails when the worker started. */
  readonly rails: GuardRails
  readonly governor: QuotaGovernor
  readonly ctx: Context
}

export type IngestQueue = 'ingest-jobs' | 'ingest-jobs-urgent'

/** The kinds of work for an org, and how much of each runs at once. */
export interface Chores {
  readonly sweeping: Parameters<typeof startSweeper>[0]
  readonly planAndSettle: Process
  readonly ingest: (queue: IngestQueue) => Process
  /** Maximum ingest jobs at once, by queue. */
  readonly windows: Readonly<Record<IngestQueue, number>>
  readonly deliver: Process
  readonly keepQuota: () => Loop
}

/**
 * Lock durations between two sweeps: a dead worker's jobs need no sweep, and lost jobs are rare.
 */
const SWEEP_LOCKS = 3

/** @param halt stops all work for the org, because the login now leads to another org */
export function choresOf(
  store: OrgStore,
  org: OrgConfig,
  parts: WorkerParts,
  connected: Connected,
  halt: (error: ExpungeError) => void,
): Chores {
  const { config, results, metrics } = parts
  const { salesforce, rails, ctx } = connected
  const ingest = ingestDeps(store, parts, connected, halt)
  const relister = { ...ingest.collector, ledger: store.ledger }
  const planner: PlannerDeps = {
    ...{ store, results, metrics, org, rails },
    ...{ maxPlanMemory: config.maxPlanMemory, planHours: config.planHours },
    sources: config.sources,
    salesforce: { ...salesforce, gate: ingest.gate, halt },
    relist: async (request, chunk, own) => {
      try {
        return await relistChunk(request, chunk, relister, own)
      } catch (error) {
        if (error instanceof WrongOrgError) halt(error)
        throw error
      }
    },
  }
  return {
    sweeping: { ...planner, intervalMs: SWEEP_LOCKS * config.worker.lockMs },
    planAndSettle: (job, token, own) => processRequestJob(job, token, planner, own),
    ingest: (queue) =>
      orRefuse(parseIngestJob, planner, (job, token, own) =>
        processIngestJob(job, token, queue, ingest, own),
      ),
    windows: { 'ingest-jobs': org.maxInFlight, 'ingest-jobs-urgent': org.urgentInFlight },
    deliver: orRefuse(parseCallbackJob, planner, (job, token, own) =>
      deliverCallback(job, token, { ...parts, store }, own),
    ),
    keepQuota: () => startQuotaWatch(store, salesforce, ctx, halt),
  }
}

function ingestDeps(
  store: OrgStore,
  { config, results, metrics, clock }: WorkerParts,
  { salesforce, rails, governor, ctx: { log } }: Connected,
  halt: (error: ExpungeError) => void,
) {
  const { ledger } = store
  const stopWatch = new StopWatch({ ledger, clock, log })
  return {
    store,
    metrics,
    rails,
    collector: {
      org: store.org,
      api: salesforce.ingest,
      ledger,
      staging: store.staging,
      results,
      resendMs: config.worker.resendMs,
    },
    gate: new OrgGate({ ledger, clock, stopWatch }),
    governor,
    peers: new Peers(),
    halt,
  }
}
