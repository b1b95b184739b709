import type { Context } from '../../shared/base/context.ts'
import { startCallbackOrders } from '../callbacks/deliver.ts'
import type { Process } from '../jobs/jobs-in-hand.ts'
import { type QueueWorkerOptions, startQueueWorker } from '../jobs/queue-worker.ts'
import { startRequestsWorker } from '../jobs/requests-worker.ts'
import { startDepartures } from '../upkeep/departures.ts'
import { startFreeingMemory } from '../upkeep/free-memory.ts'
import { startHeartbeat } from '../upkeep/heartbeat.ts'
import { startSweeper } from '../upkeep/sweep.ts'
import type { Chores, IngestQueue } from './chores.ts'

interface AllRequestsOptions
  extends Chores,
    Omit<QueueWorkerOptions, 'queue' | 'process' | 'concurrency' | 'beginsPaused'> {
  readonly maxPlans: number
}

/** Each is one short exchange with the receiver's server, which may take up to ten seconds. */
const CALLBACKS_AT_ONCE = 10

/** Processes all orders, takes its share of the common upkeep, and counts as a worker. */
export function startAllRequests(
  {
    sweeping,
    planAndSettle,
    ingest,
    windows,
    maxPlans,
    deliver,
    keepQuota,
    ...common
  }: AllRequestsOptions,
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
