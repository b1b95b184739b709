import type { Context } from '../../shared/base/context.ts'
import { addFacts, addRequestFacts } from '../../shared/base/trace.ts'
import {
  type GuardRails,
  idempotencySeconds,
  retentionSeconds,
} from '../../shared/contract/guard-rails.ts'
import { type Plan, type Receipt, totalOf } from '../../shared/contract/receipt.ts'
import type { StoredRequest } from '../../shared/contract/request.ts'
import type { StopReason } from '../../shared/store/ledger/decisions.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import { ID_VERDICTS } from '../../shared/telemetry/metrics/events.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'
import { endUnsent, stopReasonOf } from './cancel.ts'
import { type FilingDeps, fileResults } from './file-results.ts'
import { cleanUp, setAside, takeBack, tryWriteReceipt } from './leftovers.ts'
import { applied, type RequestEnd, refused, toReceipt, unapplied } from './receipt.ts'

/**
 * Ends a request: turns outcomes into the receipt, joins the parts of the result files, and drops
 * what was staged. Every step may be repeated; the ledger's receipt is authoritative.
 */

export interface SettleDeps extends FilingDeps {
  readonly metrics: Metrics
  /** For requests older than the guard rails in the ledger. */
  readonly rails: Pick<GuardRails, 'retentionDays' | 'idempotencyDays' | 'keepDeleted'>
}

/** Settles a request whose chunks all have their outcome, or whose plan was turned down. */
export async function settleRequest(id: string, deps: SettleDeps, ctx: Context): Promise<void> {
  const { ledger } = deps.store
  const record = await ledger.load(id)
  if (record === null) return
  addRequestFacts(deps.store.org, record.request)
  if (record.receipt !== null) return cleanUp(record, deps, ctx)
  const stop = await stopReasonOf(record, deps.store, ctx)
  // The flag may have been raised since the record was read; reading it again shows who did.
  const now = stop === null ? record : ((await ledger.load(id)) ?? record)
  const end = await endOf(now, stop, deps, ctx)
  if (end === null || (await endRequest(now, end, deps, ctx))) return
  // It was planned or approved meanwhile. Tries again, so that the stop is not lost.
  return settleRequest(id, deps, ctx)
}

/** How the request ends now; null if it continues. */
async function endOf(
  record: RequestRecord,
  stop: StopReason | null,
  deps: SettleDeps,
  ctx: Context,
): Promise<RequestEnd | null> {
  const { ledger } = deps.store
  const { id } = record.request
  switch (record.status) {
    case 'queued':
    case 'planning':
      if (record.refusal !== null) return refused(record.refusal)
      return stop === null ? null : unapplied(record, stop)
    case 'awaiting-approval': {
      if (stop === null) return null
      const unsent = [...(await ledger.openChunks(id)).values()]
      return { ...unapplied(record, stop), unsent }
    }
    case 'deleting': {
      if (stop !== null) await endUnsent(record, deps, ctx)
      if ((await ledger.openChunks(id)).size > 0) return null
      const end = applied(record, stop, await ledger.outcomes(id))
      // Another worker has just settled it, and we read a partly cleared ledger.
      if (totalOf(end.outcome) !== record.plan?.accepted) throw halfRead(id)
      return end
    }
    default:
      return null
  }
}

/**
 * Writes the receipt, gives the request its terminal status, and clears what it left in Redis.
 * False if the request progressed meanwhile, so that this is not its end.
 */
export async function endRequest(
  record: RequestRecord,
  end: RequestEnd,
  deps: SettleDeps,
  ctx: Context,
): Promise<boolean> {
  const { store, results, metrics } = deps
  const kept = record.guards ?? deps.rails
  const { id, object } = record.request
  const due = await stillDue(record, end, deps, ctx)
  if (due !== 'due') return due === 'over'
  const filed = await fileResults(record, end, deps, ctx)
  if (filed === null) {
    await settleRequest(id, deps, ctx)
    return true
  }
  const orgId = await store.ledger.orgId()
  const receipt = toReceipt(record, { ...end, ...filed }, orgId, store.org, ctx.clock.now())
  await tryWriteReceipt(receipt, deps, ctx)
  const settled = await store.ledger.settle({
    receipt,
    from: end.from,
    results: results.id,
    retentionSeconds: retentionSeconds(kept),
    idempotencySeconds: idempotencySeconds(kept),
    caller: record.submittedBy,
    plan: end.plan ?? null,
    kept: end.kept ?? null,
    ...(end.lot === undefined ? {} : { lot: end.lot }),
    ...(end.unsent === undefined ? {} : { unsent: end.unsent }),
  })
  switch (settled) {
    case 'settled': {
      metrics.requestEnded({
        org: store.org,
        object,
        status: receipt.status,
        seconds: (ctx.clock.now() - record.submittedAt) / 1000,
      })
      // Otherwise the plan was counted when it entered the ledger.
      if (end.plan) countPlan(end.plan, record.request, deps)
      noteEnd(receipt)
      ctx.log.info(
        { request: id, status: receipt.status, ...receipt.outcome, ...signersOf(receipt) },
        'Request settled.',
      )
      const ended = { lot: end.lot ?? record.lot, kept: end.kept ?? null, receipt }
      await cleanUp({ ...record, ...ended }, deps, ctx, end.lots)
      return true
    }
    case 'already':
      await settleRequest(id, deps, ctx)
      return true
    case 'not-due':
    case 'unknown':
      ctx.log.info({ request: id, settled }, 'Another worker settles the request.')
      await takeBack(record, deps, ctx)
      return settled === 'unknown'
    default:
      throw new TypeError(`Unknown answer ${String(settled satisfies never)}`)
  }
}

/**
 * Checked before any file is touched: the files may belong to a worker that ended the request or
 * moved it on. For a request that was never planned, this is the only place to clear its folder.
 */
async function stillDue(
  { request: { id }, lot }: RequestRecord,
  end: RequestEnd,
  deps: SettleDeps,
  ctx: Context,
): Promise<'due' | 'not-due' | 'over'> {
  const { store, results } = deps
  const files = lot === null ? await results.files({ org: store.org, id }) : []
  const now = await store.ledger.load(id)
  if (now === null) return 'over'
  if (now.receipt !== null) {
    await cleanUp(now, deps, ctx)
    return 'over'
  }
  const isOthers = end.lot !== undefined && end.lot !== now.lot
  if (isOthers || !end.from.some((status) => status === now.status)) return 'not-due'
  if (now.lot === null) await setAside(now, files, deps, ctx)
  return 'due'
}

/** The command line has no audit log of its own, so this log line names who acted. */
function signersOf({ submittedBy, approvedBy, cancelledBy }: Receipt): object {
  return { submittedBy, approvedBy, cancelledBy }
}

function noteEnd({ status, plan, error }: Receipt): void {
  addFacts({ status, records: plan?.accepted, error: error?.code })
}

/**
 * Counts the rows of a plan that just entered the ledger. A plan that came to nothing is not
 * counted.
 */
export function countPlan(
  plan: Plan,
  { object }: StoredRequest,
  { metrics, store: { org } }: Pick<SettleDeps, 'metrics' | 'store'>,
): void {
  for (const verdict of ID_VERDICTS) {
    metrics.idsRead({ org, object, verdict, count: plan[verdict] ?? 0 })
  }
}

/** BullMQ retries the job; by then either the receipt or the complete ledger can be read. */
function halfRead(id: string): Error {
  return new Error(
    `The outcomes of request ${id} do not add up to its plan yet; nothing was settled.`,
  )
}
