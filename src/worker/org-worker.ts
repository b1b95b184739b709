import type { Clock } from '../shared/clock.ts'
import type { Config, OrgConfig } from '../shared/config.ts'
import { messageOf } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'
import type { Metrics } from '../shared/metrics.ts'
import type { OrgStore } from '../shared/org-store.ts'
import type { QueueName } from '../shared/queues.ts'
import type { ResultsStore } from '../shared/results.ts'
import type { Identity, Salesforce } from '../shared/salesforce/client.ts'
import { connectSalesforce } from '../shared/salesforce/connect.ts'
import { SalesforceError } from '../shared/salesforce/errors.ts'
import { endsWithin } from '../shared/shutdown.ts'
import type { Context } from './context.ts'
import { claimOrg, claimResultsStore } from './identity.ts'
import { retryDelay } from './ingest/poll.ts'
import { type IngestProcessorDeps, processIngestJob } from './ingest/processor.ts'
import type { PlannerDeps } from './plan/planner.ts'
import { type Process, type QueueWorker, startQueueWorker } from './queue-worker.ts'
import { processRequestJob } from './requests.ts'
import { shareSettings } from './settings.ts'
import { startSweeper } from './sweep.ts'

/** What all orgs of a worker process share. */
export interface WorkerParts {
  readonly config: Config
  readonly results: ResultsStore
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: Clock
}

/** The work of one org in one process. */
export interface OrgWorker {
  readonly identity: Identity
  /** Jobs in hand. */
  readonly active: number
  /** Hands over what is in hand; another worker goes on with it. */
  stop(): Promise<void>
}

const DAY_SECONDS = 24 * 3600

/** Orchestrators kill after 10 s or more; handing over takes milliseconds where Redis answers. */
const HAND_OVER_WITHIN_MS = 8000
/** The sweep comes every so many lock durations: a dead worker's jobs need no sweep, lost ones are rare. */
const SWEEP_LOCKS = 3

/**
 * Logs in, makes sure that this is the org and the results store that the keys belong to, and
 * starts working. While the org cannot be reached it waits: that is the org's fault, not a
 * request's.
 *
 * @throws IdentityError, WrongOrgError: nothing was touched
 */
export async function startOrgWorker(
  store: OrgStore,
  org: OrgConfig,
  parts: WorkerParts,
  signal: AbortSignal,
): Promise<OrgWorker> {
  const log = parts.log.child({ org: org.name })
  const ctx: Context = { log, clock: parts.clock, signal }
  await claimResultsStore(store, parts.results)
  const salesforce = connect(org, parts)
  try {
    const identity = await login(salesforce, ctx)
    await claimOrg(store, identity.orgId)
    await shareSettings(store, parts.config, org, log)
    log.info({ orgId: identity.orgId, instance: identity.instanceUrl }, 'Working for the org.')
    return work(store, org, parts, { salesforce, identity, ctx })
  } catch (error) {
    salesforce.close()
    throw error
  }
}

function connect(org: OrgConfig, { config, metrics, clock }: WorkerParts): Salesforce {
  return connectSalesforce(org, config, {
    clock,
    onCall: ({ operation, status, durationMs }) =>
      metrics.salesforceCall({ org: org.name, operation, status, seconds: durationMs / 1000 }),
  })
}

async function login(salesforce: Salesforce, ctx: Context): Promise<Identity> {
  for (let failures = 0; ; failures++) {
    try {
      return await salesforce.login(ctx.signal)
    } catch (error) {
      ctx.signal.throwIfAborted()
      if (!(error instanceof SalesforceError) || !error.retryable) throw error
      ctx.log.error({ err: error }, `Login failed, trying again: ${messageOf(error)}`)
      await ctx.clock.sleep(
        Math.max(error.retryAfterMs ?? 0, retryDelay(failures, Math.random())),
        ctx.signal,
      )
    }
  }
}

interface Connected {
  readonly salesforce: Salesforce
  readonly identity: Identity
  readonly ctx: Context
}

function work(
  store: OrgStore,
  org: OrgConfig,
  parts: WorkerParts,
  { salesforce, identity, ctx }: Connected,
): OrgWorker {
  const { config, metrics, clock } = parts
  const planner = plannerDeps(store, org, parts)
  const ingest = ingestDeps(store, org, parts, salesforce)
  const start = (queue: QueueName, concurrency: number, process: Process): QueueWorker =>
    startQueueWorker({
      store,
      queue,
      concurrency,
      ...config.worker,
      process,
      metrics,
      log: ctx.log,
      clock,
    })
  const startIngest = (queue: QueueName, concurrency: number) =>
    start(queue, concurrency, (job, token, own) => processIngestJob(job, token, queue, ingest, own))

  const workers = [
    start('requests', config.maxPlans, (job, token, own) =>
      processRequestJob(job, token, 'requests', planner, own),
    ),
    startIngest('ingest-jobs', org.maxInFlight),
    startIngest('ingest-jobs-urgent', org.urgentInFlight),
  ]
  const intervalMs = SWEEP_LOCKS * config.worker.lockMs
  const sweeper = startSweeper({ ...planner, intervalMs }, ctx)
  return {
    identity,
    get active() {
      return workers.reduce((sum, worker) => sum + worker.active, 0)
    },
    stop: async () => {
      sweeper.stop()
      const stopped = Promise.all([sweeper.ended, ...workers.map((worker) => worker.stop())])
      if (!(await endsWithin(stopped, HAND_OVER_WITHIN_MS))) {
        ctx.log.error(
          'Jobs in hand could not be handed over: Redis does not answer. They go on elsewhere once their locks expire.',
        )
      }
      salesforce.close()
    },
  }
}

function plannerDeps(
  store: OrgStore,
  org: OrgConfig,
  { config, results, metrics }: WorkerParts,
): PlannerDeps {
  return {
    store,
    results,
    metrics,
    org,
    objects: config.objects,
    fileRoots: config.files.roots,
    maxPlanMemory: config.maxPlanMemory,
    retentionSeconds: config.retentionDays * DAY_SECONDS,
  }
}

function ingestDeps(
  { ledger, orders, staging }: OrgStore,
  org: OrgConfig,
  { config, results, metrics }: WorkerParts,
  salesforce: Salesforce,
): IngestProcessorDeps {
  return {
    org: org.name,
    ledger,
    orders,
    metrics,
    collector: {
      org: org.name,
      api: salesforce.ingest,
      staging,
      results,
      keepDeleted: config.audit.keepDeleted,
    },
  }
}
