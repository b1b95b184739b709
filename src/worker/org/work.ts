import type { Context } from '../../shared/base/context.ts'
import { startCallbackOrders } from '../callbacks/deliver.ts'
import type { Process } from '../jobs/jobs-in-hand.ts'
import { type QueueWorkerOptions, startQueueWorker } from '../jobs/queue-worker.ts'
import { startRequestsWorker } from '../jobs/requests-worker.ts'
import { startDepartures } from '../upkeep/departures.ts'
import { startFreeingMemory } from '../upkeep/free-memory.ts'
import { startHeartbeat, startRunHeartbeat } from '../upkeep/heartbeat.ts'
import { startOwnSweeper, startSweeper } from '../upkeep/sweep.ts'
import type { Chores, IngestQueue, OnlyRequest } from './chores.ts'
import { startOwnJobs } from './own-jobs.ts'

interface WorkOptions
  extends Chores,
    Omit<QueueWorkerOptions, 'queue' | 'process' | 'concurrency' | 'beginsPaused'> {
  readonly maxPlans: number
}

/** Starts the work on all requests of an org, or on the only one. */
export function startWork(options: WorkOptions, only: OnlyRequest | null, ctx: Context) {
  return only === null ? workOnAll(options, ctx) : workOnOne(only, options, ctx)
}

/** Each is one short exchange with the receiver's server, which may take up to ten seconds. */
const CALLBACKS_AT_ONCE = 10

/** Processes all orders, takes its share of the common upkeep, and counts as a worker. */
function workOnAll(
  {
    sweeping,
    planAndSettle,
    ingest,
    windows,
    maxPlans,
    deliver,
    keepQuota,
    ...common
  }: WorkOptions,
  ctx: Context,
) {
  const { store } = common
  const start = (queue: IngestQueue | 'callbacks', process: Process, concurrency: number) =>
    startQueueWorker({ ...common, queue, process, concurrency })
  const startIngest = (queue: IngestQueue) => start(queue, ingest(queue), windows[queue])
  return {
    workers: [
      startRequestsWorker(maxPlans, { ...common, process: planAndSettle }),
      startIngest('ingest-jobs'),
      startIngest('ingest-jobs-urgent'),
      start('callbacks', deliver, CALLBACKS_AT_ONCE),
    ],
    loops: [
      startSweeper(sweeping, ctx),
      startDepartures(sweeping, ctx),
      startFreeingMemory(() => store.ledger.liveIds(), sweeping, ctx),
      startCallbackOrders(store, ctx),
      startHeartbeat(store, ctx),
      keepQuota(),
    ],
  }
}

/**
 * The work of `run`, and of a `cancel` that no worker carries out: one request, to its end. Other
 * requests are not planned, sent, settled or reported. It takes nothing that workers share, neither
 * their turn to sweep nor a place in their queues.
 */
function workOnOne(
  { request, amongOthers }: OnlyRequest,
  { sweeping, planAndSettle, ingest, windows, maxPlans, ...common }: WorkOptions,
  ctx: Context,
) {
  const { store } = common
  const id = request.toLowerCase()
  // A settle job for each of its names; see `workOrders`.
  const ordersOfRequest = ['s', 'c', 'd', 'p'].map((step) => `${step}-${id}`)
  const openOrders = async () => [...new Set((await store.ledger.openChunks(id)).values())]
  const ingestFrom = (queue: IngestQueue) =>
    startOwnJobs(
      { ...common, queue, process: ingest(queue), concurrency: windows[queue], names: openOrders },
      ctx,
    )
  return {
    workers: [
      startOwnJobs(
        {
          ...common,
          queue: 'requests',
          process: planAndSettle,
          concurrency: maxPlans,
          names: async () => ordersOfRequest,
        },
        ctx,
      ),
      ingestFrom('ingest-jobs'),
      ingestFrom('ingest-jobs-urgent'),
    ],
    loops: [
      startOwnSweeper(id, amongOthers, sweeping, ctx),
      startFreeingMemory(async () => [id], sweeping, ctx),
      startRunHeartbeat(store, id, ctx),
      common.keepQuota(),
    ],
  }
}
