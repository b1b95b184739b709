import type { AtWork, Chores, IngestQueue } from '../all-requests.ts'
import type { Context } from '../context.ts'
import { type Loop, startLoop } from '../loop.ts'
import { makeRoomFrom, startRoomMaker } from '../make-room.ts'
import { type SweepDeps, sweepRequest, tidy } from '../sweep.ts'
import { type OwnJobsOptions, startOwnJobs } from './own-jobs.ts'
import { startSign } from './sign.ts'

export interface OneRequestOptions
  extends Chores,
    Omit<OwnJobsOptions, 'queue' | 'process' | 'names'> {
  readonly request: string
}

/**
 * The work of `run` and of a `cancel` that nobody else carries out: that of one request, to its end.
 * Requests of others are neither planned nor sent, settled nor told of, and nothing that is shared
 * with other workers is taken from them: neither their turn to sweep nor a place in line.
 */
export function startOneRequest(
  { request, sweeping, planAndSettle, ingest, windows, ...common }: OneRequestOptions,
  ctx: Context,
): AtWork {
  const { store } = common
  const id = request.toLowerCase()
  // A settle for each of its names; see WorkOrders.
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
      startOwnSweeper(id, sweeping, ctx),
      startRoomMaker(store, ctx, (own) => makeRoomFrom([id], sweeping, own)),
      startSign(store, id, ctx),
    ],
  }
}

/** What a crash of ours left undone; and what is nobody's, for nobody else may be there to see it. */
function startOwnSweeper(id: string, deps: SweepDeps, ctx: Context): Loop {
  const onError = (err: unknown) => ctx.log.error({ err }, 'The sweep failed and comes again.')
  return startLoop(ctx, { everyMs: deps.intervalMs, onError }, async (own) => {
    await sweepRequest(id, deps, own)
    await tidy(deps, own)
  })
}
