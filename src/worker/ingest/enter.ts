import type { JobLock } from '../../shared/ledger/begin-planning.ts'
import type { Ledger } from '../../shared/ledger/ledger.ts'
import type { ChunkOutcome, IngestOrder } from '../../shared/ledger/record.ts'
import type { Metrics } from '../../shared/metrics.ts'
import type { WorkOrders } from '../../shared/queues.ts'
import { type Context, NotOursError } from '../context.ts'
import type { CollectedChunk } from './collect.ts'
import { codeLabel } from './retry.ts'

export interface EnterDeps {
  readonly org: string
  readonly ledger: Ledger
  readonly orders: WorkOrders
  readonly metrics: Metrics
}

/**
 * The outcome of an ingest job into the ledger, first of all; only what was written there is
 * counted, and the request of a last chunk is settled.
 */
export async function enterOutcome(
  { order, object }: IngestOrder,
  results: readonly CollectedChunk[],
  lock: JobLock,
  { org, ledger, orders, metrics }: EnterDeps,
  ctx: Context,
): Promise<void> {
  const recorded = await ledger.recordOutcome({ order, outcomes: results, lock })
  if (recorded.kind === 'lost')
    throw new NotOursError('The lock of the job was lost before its outcome was entered.')
  if (recorded.kind === 'gone') return
  const state = results.find(({ outcome }) => outcome.job !== null)?.outcome.job?.state
  metrics.ingestJobEnded({ org, object, state: state ?? 'Abandoned' })
  for (const [index, { ref, written, last }] of recorded.chunks.entries()) {
    const outcome = results[index]?.outcome
    if (written && outcome !== undefined) count(outcome, { org, object, metrics })
    ctx.log.info(
      { request: ref.request, chunk: ref.chunk, ...outcome?.outcome },
      'Chunk accounted for.',
    )
    if (last) await orders.settle(ref.request)
  }
}

function count(
  { outcome, failures }: ChunkOutcome,
  { org, object, metrics }: { org: string; object: string; metrics: Metrics },
): void {
  const byLabel: Record<string, number> = {}
  for (const [code, rows] of Object.entries(failures)) {
    const label = codeLabel(code)
    byLabel[label] = (byLabel[label] ?? 0) + rows
  }
  metrics.chunkEnded({ org, object, outcome, failures: byLabel })
}
