import type { Context } from '../../shared/base/context.ts'
import { retentionSeconds } from '../../shared/contract/guard-rails.ts'
import { isTerminal } from '../../shared/contract/status.ts'
import { ResultsStoreError } from '../../shared/results/results-store.ts'
import { endedUnsent, lotBeside, type RequestRecord } from '../../shared/store/ledger/record.ts'
import { type OrgStore, orderDue } from '../../shared/store/org-store.ts'
import { QUEUES } from '../../shared/store/queues/queues.ts'
import { isFuller, PLANNING_SHARE } from '../../shared/store/redis/memory.ts'
import { inspectRedis } from '../../shared/store/redis/redis.ts'
import { redisNow } from '../../shared/store/redis/server-clock.ts'
import type { StagedLot } from '../../shared/store/staging/staging.ts'
import { stopReasonOf } from '../end/cancel.ts'
import { type SettleDeps, settleRequest } from '../end/settle.ts'
import { type Loop, startLoop } from '../jobs/loop.ts'
import { MOST_PER_TURN, sweepPage } from './rounds.ts'

/**
 * Orders again what a crash left undone. BullMQ jobs may be lost between two steps, but the ledger
 * knows what is left to do. Ordering something twice has no effect, so the sweep need not know
 * whether anything was lost.
 */

/** How long to keep frames of a lot that no record names: they may still be being staged. */
const UNCLAIMED_MS = 10 * 60_000

interface SweepDeps extends SettleDeps {
  /** One worker of an org sweeps per interval; the others skip their turn. */
  readonly intervalMs: number
}

export async function sweep(deps: SweepDeps, ctx: Context): Promise<void> {
  const { redis, ledger } = deps.store
  const turn = await redis.set(ledger.keys.sweeper, '1', 'PX', deps.intervalMs, 'NX')
  if (turn === null) return
  await sweepPage(
    deps.store,
    'live',
    (after) => ledger.livePage(after, MOST_PER_TURN),
    (id) => sweepRequest(id, deps, ctx),
  )
  await tidy(deps, ctx)
  await forgetEndedJobs(deps)
}

/** Orders what is due for one request. */
export async function sweepRequest(id: string, deps: SweepDeps, ctx: Context): Promise<void> {
  await perRequest(id, ctx, async () => {
    const record = await deps.store.ledger.load(id)
    if (record !== null) await orderAgain(record, deps, ctx)
  })
}

/** Completes the filing of an ended request that a crash interrupted. */
async function fileAgain(id: string, deps: SweepDeps, ctx: Context): Promise<void> {
  const { results, store } = deps
  const { ledger } = store
  await perRequest(id, ctx, async () => {
    if ((await ledger.load(id)) === null) await ledger.filed(results.id, id)
    else await settleRequest(id, deps, ctx)
  })
}

/**
 * Removes what no request needs any more, and completes the filing of ended requests. Several
 * workers may do this at once.
 */
async function tidy(deps: SweepDeps, ctx: Context): Promise<void> {
  const { ledger, staging } = deps.store
  const now = await redisNow(deps.store.redis)
  const dropLeftOver = (lot: StagedLot) =>
    perRequest(lot.request, ctx, async () => {
      const record = await ledger.load(lot.request)
      if (isLeftOver(lot, record, now) && !(await isKept(lot, record, deps))) {
        await staging.drop(lot)
      }
    })
  const readLots = (from: string | null) => staging.lotsPage(from, MOST_PER_TURN)
  await sweepPage(deps.store, 'staged', readLots, dropLeftOver)
  await settleEnded(deps.store)
  for (const id of await ledger.unfiled(deps.results.id)) await fileAgain(id, deps, ctx)
  await forgetExpired(deps, now)
  await removeDueFolders(deps, ctx)
}

/**
 * Settles quota bookings whose order was ended without a worker, or by one that died then. There are
 * about as many as ingest jobs run.
 */
async function settleEnded({ redis, ledger: { keys }, bookings }: OrgStore): Promise<void> {
  for (const order of await redis.hkeys(keys.booked)) {
    if ((await redis.exists(keys.ingest(order))) === 0) await bookings.settle(order, true)
  }
}

/** A request that this version cannot read must not stop the sweep of the others. */
async function perRequest(request: string, ctx: Context, step: () => Promise<void>): Promise<void> {
  ctx.signal.throwIfAborted()
  try {
    await step()
  } catch (error) {
    ctx.signal.throwIfAborted()
    ctx.log.error({ err: error, request }, 'The sweep failed for one request and continues.')
  }
}

const MOST_JOBS = 1000

/**
 * Our own jobs leave Redis when they end. Jobs that others enqueued, in any queue, have their
 * sender's options, and BullMQ keeps them by default: they are removed when the records expire.
 */
async function forgetEndedJobs(deps: SweepDeps): Promise<void> {
  const keptMs = await retentionMs(deps)
  const queues = await deps.store.queues()
  for (const queue of QUEUES) {
    for (const state of ['completed', 'failed'] as const) {
      await queues[queue].clean(keptMs, MOST_JOBS, state)
    }
  }
}

async function retentionMs({ store: { ledger }, rails }: SweepDeps): Promise<number> {
  return retentionSeconds((await ledger.rails())?.rails ?? rails) * 1000
}

/** Removes requests from the index whose records have expired. */
async function forgetExpired(deps: SweepDeps, now: number): Promise<void> {
  const { redis, ledger } = deps.store
  const { keys } = ledger
  const before = now - (await retentionMs(deps))
  for (const id of await redis.zrangebyscore(keys.requests, 0, before)) {
    if ((await redis.exists(keys.request(id))) === 0) await redis.zrem(keys.requests, id)
  }
}

async function orderAgain(record: RequestRecord, deps: SweepDeps, ctx: Context): Promise<void> {
  const { orders } = deps.store
  const { id, priority } = record.request
  switch (record.status) {
    case 'queued':
    case 'planning':
      await settleRequest(id, deps, ctx)
      return orders.plan(id, priority)
    case 'deleting':
      if ((await stopReasonOf(record, deps.store, ctx)) !== null) await orders.stop(id)
      return orderDue(deps.store, id)
    case 'awaiting-approval':
      return settleRequest(id, deps, ctx)
    case 'completed':
    case 'incomplete':
    case 'planned':
    case 'refused':
    case 'cancelled':
    case 'failed':
      return
    default:
      throw new TypeError(`Unknown status ${String(record.status satisfies never)}`)
  }
}

/**
 * Whether nobody will read these frames: they belong to a terminal request, or to a submission or
 * planning attempt that died. An unclaimed lot may belong to an id that is being submitted again
 * right now. Only the chunks of a live request know which lots of retried rows it still needs, so
 * those stay until it ends.
 */
function isLeftOver(lot: StagedLot, record: RequestRecord | null, now: number): boolean {
  const isClaimed =
    record !== null &&
    (record.lot === lot.lot || lotBeside(record.staged) === lot.lot || lot.lot.startsWith('r-'))
  return isClaimed ? isTerminal(record.status) : now - lot.touchedAt > UNCLAIMED_MS
}

/**
 * Whether these are the ids of a plan that can still be applied, or that a request is about to read.
 * Kept plans give way to work: while Redis is nearly full they are dropped.
 */
async function isKept(
  { lot }: StagedLot,
  record: RequestRecord | null,
  { store: { ledger, redis } }: SweepDeps,
): Promise<boolean> {
  if (record === null || record.kept === null || record.lot !== lot) return false
  const { kept, appliedAs } = record
  const applying = appliedAs === null ? null : await ledger.load(appliedAs)
  if (applying !== null && !endedUnsent(applying)) {
    return applying.status === 'queued' || applying.status === 'planning'
  }
  const isDue = kept.until <= (await redisNow(redis))
  return !isDue && !isFuller(await inspectRedis(redis), PLANNING_SHARE)
}

/** Sweeps at once, because this start may follow a crash, and then at every interval. */
export function startSweeper(deps: SweepDeps, ctx: Context): Loop {
  return startSweeps(deps, ctx, (own) => sweep(deps, own))
}

/**
 * The same for one request: completes what our own crash left undone. If there are no other
 * workers, it also removes unclaimed leftovers.
 */
export function startOwnSweeper(
  id: string,
  amongOthers: boolean,
  deps: SweepDeps,
  ctx: Context,
): Loop {
  return startSweeps(deps, ctx, async (own) => {
    await sweepRequest(id, deps, own)
    if (!amongOthers) return tidy(deps, own)
    const { ledger } = deps.store
    if ((await ledger.unfiled(deps.results.id)).includes(id)) await fileAgain(id, deps, own)
  })
}

function startSweeps(
  { intervalMs }: SweepDeps,
  ctx: Context,
  step: (ctx: Context) => Promise<void>,
): Loop {
  const onError = (err: unknown) => ctx.log.error({ err }, 'The sweep failed and will be retried.')
  return startLoop(ctx, { everyMs: intervalMs, onError }, step)
}

/**
 * Result files are removed with the record of their request. The ledger notes the time when the
 * request ends, and only noted folders are removed. So receipts of a lost ledger stay, as do those
 * of another ledger that shares the directory.
 */

/** Maximum per sweep, so that the sweep makes progress; a sweep comes every half minute. */
const MOST_FOLDERS = 200

/** Retry delay for a folder that cannot be removed, so that it does not block others. */
const AGAIN_SECONDS = 600

/** Removes the folders whose retention is over. Several workers may do this at once. */
export async function removeDueFolders(
  { store, results }: Pick<SweepDeps, 'store' | 'results'>,
  ctx: Context,
): Promise<void> {
  const { ledger, org } = store
  const failed: unknown[] = []
  for (const folder of await ledger.foldersDue(results.id, MOST_FOLDERS)) {
    ctx.signal.throwIfAborted()
    const isDue = async () => !(await hasRecord(store, folder))
    try {
      if (await isDue()) await results.remove(org, folder, isDue)
      await ledger.folderRemoved(results.id, folder)
    } catch (error) {
      if (!(error instanceof ResultsStoreError)) throw error
      failed.push(error)
      await ledger.keepFolder(results.id, folder, AGAIN_SECONDS)
    }
  }
  const [err] = failed
  if (err === undefined) return
  ctx.log.error(
    { err, folders: failed.length },
    'Result files are past their retention and could not be deleted.',
  )
}

/** Whether the id is in use again: then the folder belongs to the new request. */
async function hasRecord({ redis, ledger }: OrgStore, folder: string): Promise<boolean> {
  return (await redis.exists(ledger.keys.request(folder))) === 1
}
