import type { Context } from '../../shared/base/context.ts'
import { retentionSeconds } from '../../shared/contract/guard-rails.ts'
import { isTerminal } from '../../shared/contract/receipt.ts'
import { ResultsStoreError } from '../../shared/results/files.ts'
import { lotBeside, type RequestRecord } from '../../shared/store/ledger/record.ts'
import { type OrgStore, orderDue } from '../../shared/store/org-store.ts'
import { QUEUES } from '../../shared/store/queues/queues.ts'
import { redisNow } from '../../shared/store/redis/server-clock.ts'
import type { StagedLot } from '../../shared/store/staging/staging.ts'
import { stopReasonOf } from '../end/cancel.ts'
import { type SettleDeps, settleRequest } from '../end/settle.ts'
import { type Loop, startLoop } from '../jobs/loop.ts'

/**
 * What a crash left undone, ordered again. BullMQ's jobs may be lost between two steps; the ledger
 * knows what is left to do. Ordering what is ordered already changes nothing, so the sweep need
 * not know whether anything was lost.
 */

/** Frames of a lot that no record names are left this long: they may be on their way in. */
const UNCLAIMED_MS = 10 * 60_000

export interface SweepDeps extends SettleDeps {
  /** One worker of an org sweeps at a time; the others skip their turn. */
  readonly intervalMs: number
}

export async function sweep(deps: SweepDeps, ctx: Context): Promise<void> {
  const { redis, ledger } = deps.store
  const turn = await redis.set(ledger.keys.sweeper, '1', 'PX', deps.intervalMs, 'NX')
  if (turn === null) return
  for (const id of await ledger.liveIds()) await sweepRequest(id, deps, ctx)
  await tidy(deps, ctx)
  await forgetEndedJobs(deps)
}

/** Orders what is due of one request. */
export async function sweepRequest(id: string, deps: SweepDeps, ctx: Context): Promise<void> {
  await perRequest(id, ctx, async () => {
    const record = await deps.store.ledger.load(id)
    if (record !== null) await orderAgain(record, deps, ctx)
  })
}

/** Ends the filing of a request that has ended, where a crash came between. */
async function fileAgain(id: string, deps: SweepDeps, ctx: Context): Promise<void> {
  const { results, store } = deps
  const { ledger } = store
  await perRequest(id, ctx, async () => {
    if ((await ledger.load(id)) === null) await ledger.filed(results.id, id)
    else await settleRequest(id, deps, ctx)
  })
}

/** Removes what no request needs any more, and completes the filing of those that ended. Several workers may do it at once. */
async function tidy(deps: SweepDeps, ctx: Context): Promise<void> {
  const { ledger, staging } = deps.store
  const now = await redisNow(deps.store.redis)
  for (const lot of await staging.lots()) {
    await perRequest(lot.request, ctx, async () => {
      const record = await ledger.load(lot.request)
      if (isLeftOver(lot, record, now)) await staging.drop(lot)
    })
  }
  for (const id of await ledger.unfiled(deps.results.id)) await fileAgain(id, deps, ctx)
  await forgetExpired(deps, now)
  await removeDueFolders(deps, ctx)
}

/** One request that this version cannot read must not keep the others from being swept. */
async function perRequest(request: string, ctx: Context, step: () => Promise<void>): Promise<void> {
  ctx.signal.throwIfAborted()
  try {
    await step()
  } catch (error) {
    ctx.signal.throwIfAborted()
    ctx.log.error({ err: error, request }, 'The sweep failed for a request and goes on.')
  }
}

const MOST_JOBS = 1000

/**
 * Our own jobs leave Redis when they end. Those that others enqueued, in whichever queue, have the
 * options of whoever did, and BullMQ's default keeps them for ever: they leave with the records.
 */
async function forgetEndedJobs(deps: SweepDeps): Promise<void> {
  const keptMs = await retentionMs(deps)
  for (const queue of QUEUES) {
    for (const state of ['completed', 'failed'] as const) {
      await deps.store.queues[queue].clean(keptMs, MOST_JOBS, state)
    }
  }
}

async function retentionMs({ store: { ledger }, rails }: SweepDeps): Promise<number> {
  return retentionSeconds((await ledger.rails())?.rails ?? rails) * 1000
}

/** The index of requests follows their records, which expire a while after they settled. */
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
 * Frames that nobody will read: a terminal request's own, or those of a submission or a planning
 * attempt that died. A request that has ended may be submitted once more this very moment. Which
 * lots of resent rows a live request still needs only its chunks know: they stay until it ends.
 */
function isLeftOver(lot: StagedLot, record: RequestRecord | null, now: number): boolean {
  const isClaimed =
    record !== null &&
    (record.lot === lot.lot || lotBeside(record.staged) === lot.lot || lot.lot.startsWith('r-'))
  return isClaimed ? isTerminal(record.status) : now - lot.touchedAt > UNCLAIMED_MS
}

/** Sweeps at once, since whoever starts may follow a crash, and then at every interval. */
export function startSweeper(deps: SweepDeps, ctx: Context): Loop {
  return startSweeps(deps, ctx, (own) => sweep(deps, own))
}

/**
 * The same for one request: what a crash of ours left undone; and what is nobody's, where nobody else
 * is there to see it.
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
  const onError = (err: unknown) => ctx.log.error({ err }, 'The sweep failed and comes again.')
  return startLoop(ctx, { everyMs: intervalMs, onError }, step)
}

/**
 * Result files leave with the record of their request. Its end has noted when; so no folder is
 * removed that this ledger has not noted: receipts of a ledger that was lost stay, and those of
 * another that shares the directory.
 */

/** In one turn, so that the sweep goes on; a turn comes every half minute. */
const MOST_FOLDERS = 200

/** One that cannot be removed comes again after so long: it must not keep the place of others. */
const AGAIN_SECONDS = 600

/** Removes the folders whose time is over. Several workers may do it at once. */
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
  ctx.log.error({ err, folders: failed.length }, 'Result files are past their retention, and stay.')
}

/** Whether the id lives again: then its folder is the new request's. */
async function hasRecord({ redis, ledger }: OrgStore, folder: string): Promise<boolean> {
  return (await redis.exists(ledger.keys.request(folder))) === 1
}
