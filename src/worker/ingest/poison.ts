import type { Context } from '../../shared/base/context.ts'
import { type IngestOrder, isShared, rowsOf } from '../../shared/store/ledger/chunk.ts'
import { SMALLEST_RETRY } from '../../shared/store/ledger/departures.ts'
import { endUnprocessed } from '../end/unprocessed.ts'
import type { CollectedChunk, Collector } from './collector.ts'
import { sendWhole } from './resend.ts'
import type { Checkpoint } from './step.ts'

/**
 * After this many crashes at one checkpoint the order is treated as poison, to protect other
 * workers.
 */
export const MOST_CRASHES = 5

/**
 * Ends an order that kills workers. Its ids end unprocessed. But if several requests share it, most
 * of them have done nothing: their chunks are sent again as retries, whose jobs are a quarter as large
 * with each attempt, and up to {@link SMALLEST_RETRY} ids each on its own. So the one at fault is alone
 * after five rounds with the default sizes, and 10,000 requests of one id do not cost 10,000 jobs.
 *
 * @param crashes at its checkpoint
 */
export async function endPoisoned(
  order: IngestOrder,
  checkpoint: Checkpoint,
  crashes: number,
  collector: Omit<Collector, 'keepDeleted'>,
  ctx: Context,
): Promise<readonly CollectedChunk[]> {
  const job = 'jobId' in checkpoint ? { id: checkpoint.jobId, state: 'Abandoned' } : null
  const died = `Workers died ${MOST_CRASHES} times while they sent these ids (step ${checkpoint.step})`
  if (isShared(order)) {
    ctx.log.error({ order: order.order }, `${died}. Its requests are sent again in smaller jobs.`)
    // Salesforce runs a job only once it is closed.
    const doubt = job !== null && checkpoint.step !== 'upload'
    const alone = rowsOf(order) <= SMALLEST_RETRY
    const terms = { reason: 'crashed', job, excused: true, doubt, alone } as const
    return order.chunks.map((ref) => sendWhole(ref, order, terms, collector))
  }
  const message = `${died}; they were given up. See the workers' logs.`
  // Reading these ids may be what killed the workers, so listing them is tried only once.
  const lister = crashes === MOST_CRASHES ? collector : null
  return endUnprocessed(order, { error: { code: 'CRASHED', message }, job }, lister, ctx)
}
