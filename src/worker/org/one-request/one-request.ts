import type { Context } from '../../../shared/base/context.ts'
import { startFreeingMemory } from '../../upkeep/free-memory.ts'
import { startRunHeartbeat } from '../../upkeep/heartbeat.ts'
import { startOwnSweeper } from '../../upkeep/sweep.ts'
import type { Chores, IngestQueue } from '../chores.ts'
import { type OwnJobsOptions, startOwnJobs } from './own-jobs.ts'

interface OneRequestOptions extends Chores, Omit<OwnJobsOptions, 'queue' | 'process' | 'names'> {
  readonly request: string
  /** Whether there may be workers: then what is nobody's is theirs to take away. */
  readonly amongOthers: boolean
}

/**
 * The work of `run` and of a `cancel` that nobody else carries out: that of one request, to its end.
 * Requests of others are neither planned nor sent, settled nor told of, and nothing that is shared
 * with other workers is taken from them: neither their turn to sweep nor a place in line.
 */
export function startOneRequest(
  { request, amongOthers, sweeping, planAndSettle, ingest, windows, ...common }: OneRequestOptions,
  ctx: Context,
) {
  const { store } = common
  const id = request.toLowerCase()
  // A settle for each of its names; see `workOrders`.
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
    ],
  }
}
