import type { Context } from '../../shared/base/context.ts'
import { retentionSeconds } from '../../shared/contract/guard-rails.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import { type OrgStore, orderDue } from '../../shared/store/org-store.ts'
import { QUEUES } from '../../shared/store/queues/queues.ts'
import { redisNow } from '../../shared/store/redis/server-clock.ts'
import { stopReasonOf } from '../end/cancel.ts'
import { type SettleDeps, settleRequest } from '../end/settle.ts'
import { type Loop, startLoop } from '../jobs/loop.ts'
import { removeDueFolders } from './due-folders.ts'
import { dropLeftOver } from './left-over.ts'
import { MOST_PER_TURN, sweepPage } from './rounds.ts'

/**
 * Orders again what a crash left undone. BullMQ jobs may be lost between two steps, but the ledger
 * knows what is left to do. Ordering something twice has no effect, so the sweep need not know
 * whether anything was lost.
 */

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
  const { ledger, redis, staging } = deps.store
  const now = await redisNow(redis)
  await sweepPage(
    deps.store,
    'staged',
    (from) => staging.lotsPage(from, MOST_PER_TURN),
    (lot) => perRequest(lot.request, ctx, () => dropLeftOver(lot, deps.store, now)),
  )
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
