import type { Context } from '../../shared/base/context.ts'
import type { StoredRequest } from '../../shared/contract/request.ts'
import type { ResultsStore } from '../../shared/results/results.ts'
import type { StopReason } from '../../shared/store/ledger/decisions.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'
import { endUnprocessed } from './unprocessed.ts'

/** Requests that end before their time: cancelled, past their deadline, or stopped by the brake. */

interface EndUnsentDeps {
  readonly store: OrgStore
  readonly results: ResultsStore
  readonly metrics: Metrics
}

/** A plan that nobody approves for so long is given up: what it was made of has changed by then. */
const APPROVED_WITHIN_MS = 72 * 3600_000

/** Why this request is to end now, null where it is not; time that has run out raises the flag. */
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
 * Ends the orders that no worker has taken up: their ids are unprocessed. Those that a worker has,
 * or will have back, are ended there, for an ingest job may be at work. Looks again until there are
 * no others: rows that go again may be ordered meanwhile.
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
  // Chunks of others travel along: the worker that takes it asks each of them.
  if (found.order.chunks.some((ref) => ref.request !== request.id)) return
  const why = { error: null, job: null }
  const outcomes = await endUnprocessed(found.order, why, { org, staging, results }, ctx)
  if ((await ledger.endUnsent({ order: name, outcomes })) !== 'ended') return
  for (const { outcome } of outcomes) {
    metrics.chunkEnded({ org, object: request.object, outcome: outcome.outcome, failures: {} })
  }
  await orders.withdraw(name, request.priority)
}
