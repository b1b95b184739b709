import type { Context } from '../../../shared/base/context.ts'
import { startFreeingMemory } from '../../upkeep/free-memory.ts'
import { startRunHeartbeat } from '../../upkeep/heartbeat.ts'
import { startOwnSweeper } from '../../upkeep/sweep.ts'
import type { Chores, IngestQueue } from '../chores.ts'
import { type OwnJobsOptions, startOwnJobs } from './own-jobs.ts'

interface OneRequestOptions extends Chores, Omit<OwnJobsOptions, 'queue' | 'process' | 'names'> {
  readonly request: string
  /** Whether there may be workers: then unclaimed leftovers are theirs to clean up. */
  readonly amongOthers: boolean
}

/**
 * The work of `run`, and of a `cancel` that no worker carries out: one request, to its end. Other
 * requests are not planned, sent, settled or reported. It takes nothing that workers share, neither
 * their turn to sweep nor a place in their queues.
 */
export function startOneRequest(
  { request, amongOthers, sweeping, planAndSettle, ingest, windows, ...common }: OneRequestOptions,
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
