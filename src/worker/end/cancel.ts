import type { Context } from '../../shared/base/context.ts'
import type { StoredRequest } from '../../shared/contract/request.ts'
import type { ResultsStore } from '../../shared/results/results-store.ts'
import type { StopReason } from '../../shared/store/ledger/decisions.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'
import { endUnprocessed } from './unprocessed.ts'

/**
 * Ends requests early: those that were cancelled, are past their deadline, or were stopped by the
 * brake.
 */

interface EndUnsentDeps {
  readonly store: OrgStore
  readonly results: ResultsStore
  readonly metrics: Metrics
}

/** A plan that is not approved within this time is given up: its source has changed by then. */
const APPROVED_WITHIN_MS = 72 * 3600_000

/**
 * Why this request is to end now; null if it is not. An expired time limit raises the stop flag.
 */
export async function stopReasonOf(
  { request, status, plannedAt }: RequestRecord,
  { ledger }: OrgStore,
  ctx: Context,
): Promise<StopReason | null> {
  const now = ctx.clock.now()
  if (request.deadline !== null && Date.parse(request.deadline) <= now) {
    await ledger.cancel(request.id, 'deadline')
  }
  if (status === 'awaiting-approval' && now - (plannedAt ?? now) >= APPROVED_WITHIN_MS) {
    await ledger.cancel(request.id, 'not-approved')
  }
  const [reason = null] = await ledger.stopReasons([request.id])
  return reason
}

/**
 * Ends the orders that no worker has taken: their ids are unprocessed. Orders that a worker has
 * taken, or will take back, are ended by that worker, because an ingest job may be running. Repeats
 * until there are no new orders, because rows may be ordered again meanwhile.
 */
export async function endUnsent(
  { request }: RequestRecord,
  deps: EndUnsentDeps,
  ctx: Context,
): Promise<void> {
  const { ledger } = deps.store
  const seen = new Set<string>()
  for (;;) {
    const open = [...(await ledger.openChunks(request.id)).values()]
    const fresh = open.filter((name) => !seen.has(name))
    if (fresh.length === 0) return
    for (const name of fresh) {
      ctx.signal.throwIfAborted()
      seen.add(name)
      await endOrder(name, request, deps, ctx)
    }
  }
}

async function endOrder(
  name: string,
  request: StoredRequest,
  { store, results, metrics }: EndUnsentDeps,
  ctx: Context,
): Promise<void> {
  const { org, ledger, staging, orders } = store
  const found = await ledger.ingestOrder(name)
  if (found === null || found.taken) return
  // Chunks of other requests stay in the order.
  const chunks = found.order.chunks.filter((ref) => ref.request === request.id)
  const why = { error: null, job: null }
  const own = { ...found.order, chunks }
  const outcomes = await endUnprocessed(own, why, { org, staging, results }, ctx)
  const ended = await ledger.endUnsent({ order: found.order, outcomes })
  if (ended !== 'ended' && ended !== 'left') return
  for (const { outcome } of outcomes) {
    metrics.chunkEnded({ org, object: request.object, outcome: outcome.outcome, failures: {} })
  }
  if (ended === 'ended') await orders.withdraw(name, request.priority)
}
