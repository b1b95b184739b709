import type { Context } from '../../shared/base/context.ts'
import { startCallbackOrders } from '../callbacks/deliver.ts'
import type { Process } from '../jobs/jobs-in-hand.ts'
import type { Loop } from '../jobs/loop.ts'
import {
  type QueueWorker,
  type QueueWorkerOptions,
  startQueueWorker,
} from '../jobs/queue-worker.ts'
import { startRequestsWorker } from '../jobs/requests-worker.ts'
import { settleToFreeMemory, startFreeingMemory } from '../upkeep/free-memory.ts'
import { startHeartbeat } from '../upkeep/heartbeat.ts'
import { startSweeper } from '../upkeep/sweep.ts'
import type { Chores, IngestQueue } from './chores.ts'

/** All that is at work for an org in this process. */
export interface AtWork {
  readonly workers: readonly QueueWorker[]
  readonly loops: readonly Loop[]
}

interface AllRequestsOptions
  extends Chores,
    Omit<QueueWorkerOptions, 'queue' | 'process' | 'concurrency' | 'beginsPaused'> {
  readonly maxPlans: number
}

/** Each is one short exchange with somebody else's server, which may keep it for ten seconds. */
const CALLBACKS_AT_ONCE = 10

/** Works on whatever is ordered, shares what others have to do as well, and counts as a worker. */
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
): AtWork {
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
      startFreeingMemory(store, ctx, async (own) =>
        settleToFreeMemory(await store.ledger.liveIds(), sweeping, own),
      ),
      startCallbackOrders(store, ctx),
      startHeartbeat(store, ctx),
      keepQuota(),
    ],
  }
}
