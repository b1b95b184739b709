import type { Context } from '../../shared/base/context.ts'
import { startPostman } from '../callbacks/outbox.ts'
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
import { type SweepDeps, startSweeper } from '../upkeep/sweep.ts'

export type IngestQueue = 'ingest-jobs' | 'ingest-jobs-urgent'

/** What is done of an org's work, and how much of it at once. */
export interface Chores {
  readonly sweeping: SweepDeps
  readonly planAndSettle: Process
  readonly ingest: (queue: IngestQueue) => Process
  /** Ingest jobs at work, by their queue. */
  readonly windows: Readonly<Record<IngestQueue, number>>
}

/** All that is at work for an org in this process. */
export interface AtWork {
  readonly workers: readonly QueueWorker[]
  readonly loops: readonly Loop[]
}

interface AllRequestsOptions
  extends Chores,
    Omit<QueueWorkerOptions, 'queue' | 'process' | 'concurrency' | 'beginsPaused'> {
  readonly maxPlans: number
  readonly deliver: Process
  readonly keepQuota: () => Loop
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
      startPostman(store, ctx),
      startHeartbeat(store, ctx),
      keepQuota(),
    ],
  }
}
