import { type Context, NotOursError } from '../../shared/base/context.ts'
import { addFacts } from '../../shared/base/trace.ts'
import type { IngestOrder } from '../../shared/store/ledger/chunk.ts'
import type { JobLock } from '../../shared/store/ledger/keys.ts'
import { type OrgStore, orderDue, orderRetry } from '../../shared/store/org-store.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'
import type { CollectedChunk } from './collector.ts'
import { codeLabel } from './row-error.ts'

interface EnterDeps {
  readonly store: OrgStore
  readonly metrics: Metrics
}

/**
 * Records the outcome of an ingest job in the ledger before anything else. Only what was written
 * there is counted and retried. If it was the request's last chunk, the request is settled.
 */
export async function enterOutcome(
  order: IngestOrder,
  results: readonly CollectedChunk[],
  lock: JobLock,
  deps: EnterDeps,
  ctx: Context,
): Promise<void> {
  const { store, metrics } = deps
  // The order had ended, or was moved to the other lane, while it waited to begin.
  if (results.length === 0) return
  const entered = await enter({ order, results, lock }, deps, ctx)
  if (entered === null) return
  const job = results.find(({ outcome }) => outcome.job !== null)?.outcome.job
  const state = job?.state ?? 'Abandoned'
  metrics.ingestJobEnded({ org: store.org, object: order.object, state })
  addFacts({ state })
  await entered()
}

/** Records the outcomes of chunks that leave an order before it is sent. `rest` is still to be sent. */
export async function enterLeft(
  rest: IngestOrder,
  results: readonly CollectedChunk[],
  lock: JobLock,
  deps: EnterDeps,
  ctx: Context,
): Promise<void> {
  const entered = await enter({ order: rest, results, rest, lock }, deps, ctx)
  await entered?.()
}

interface Entry {
  readonly order: IngestOrder
  readonly results: readonly CollectedChunk[]
  readonly rest?: IngestOrder
  readonly lock: JobLock
}

/** Returns what follows from the outcomes; null if the order had already ended. */
async function enter(
  { order: { order, object }, results, lock, ...left }: Entry,
  { store, metrics }: EnterDeps,
  ctx: Context,
): Promise<(() => Promise<void>) | null> {
  const { ledger } = store
  const outcomes = results.map((result) => withRetry(result, ctx.clock.now()))
  const recorded = await ledger.recordOutcome({ order, outcomes, lock, ...left })
  if (recorded.kind === 'lost')
    throw new NotOursError('The lock of the job was lost before its outcome was entered.')
  if (recorded.kind === 'gone') return null
  return async () => {
    for (const [index, { ref, written, last, stopped, passed }] of recorded.chunks.entries()) {
      const result = results[index]
      if (written && result !== undefined) await goOn(result, object, { store, metrics }, ctx)
      if (last) await store.orders.settle(ref.request)
      else if (stopped) await store.orders.stop(ref.request)
      else if (passed) await orderDue(store, ref.request)
    }
  }
}

/** The outcome with when and why its rows are retried, for views. */
function withRetry(result: CollectedChunk, now: number): CollectedChunk {
  const { outcome, again: [next] = [], resend } = result
  const [first] = next?.chunks ?? []
  if (outcome.resent === undefined || resend === undefined || first === undefined) return result
  const { attempt, excused = 0 } = first
  const reason = resend.code ?? resend.reason
  const retry = { attempt: attempt - excused, reason, at: now + resend.delayMs }
  return { ...result, outcome: { ...outcome, resent: { ...outcome.resent, retry } } }
}

/** Follows up on an outcome that was just recorded. */
async function goOn(
  { ref, outcome, again = [], resend }: CollectedChunk,
  object: string,
  { store, metrics }: EnterDeps,
  ctx: Context,
): Promise<void> {
  const { org } = store
  const failures: Record<string, number> = {}
  for (const [code, rows] of Object.entries(outcome.failures)) {
    const label = codeLabel(code)
    failures[label] = (failures[label] ?? 0) + rows
  }
  metrics.chunkEnded({ org, object, outcome: outcome.outcome, failures })
  ctx.log.info(
    { request: ref.request, chunk: ref.chunk, attempt: ref.attempt, ...outcome.outcome },
    'Outcome of a chunk recorded.',
  )
  if (resend !== undefined) {
    metrics.retried({ org, object, reason: resend.reason })
    const rows = outcome.resent?.count
    ctx.log.warn(
      { request: ref.request, rows, ...resend },
      `Rows are sent again (${resend.reason}).`,
    )
  }
  for (const next of again) await orderRetry(store, next, resend?.delayMs)
}
