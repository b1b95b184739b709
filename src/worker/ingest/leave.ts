import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import { rowsOf } from '../../shared/store/ledger/chunk.ts'
import { endEach } from '../end/unprocessed.ts'
import { distinctIds, readSharedIds } from '../ids/shared-chunks.ts'
import { found } from './job-report.ts'
import type { Step, Work } from './step.ts'

/**
 * Chunks leave an order that several requests share, before their ids are uploaded: those of
 * requests that are to end, and those whose staged ids are damaged. The others are sent. The order
 * in the ledger is the truth: after a crash, the next worker sends what it holds.
 */

type Leaving = Extract<Step, { step: 'leave' }>

/** The chunks of requests that are to end leave. */
export function leaveFlagged(at: Leaving['at'], { order, deps: { visit } }: Work): Leaving {
  const flagged = order.chunks.filter(({ request }) => visit.flagged.has(request))
  return { step: 'leave', at, leaving: new Map(flagged.map((ref) => [ref, null])) }
}

/** Repeating it has the same effect. */
export async function leave({ at, leaving }: Leaving, work: Work): Promise<Step> {
  const { deps, ctx } = work
  const { distinct: _, ...order } = work.order
  await deps.visit.release()
  const chunks = order.chunks.filter((ref) => !leaving.has(ref))
  const results = await endEach(leaving, null, deps.collector, ctx)
  if (chunks.length === 0) {
    if (at.step === 'upload') await found(deps.api.abort(at.jobId, ctx.signal))
    return { step: 'done', results }
  }
  const rest = { ...order, chunks }
  await deps.leave(rest, results)
  work.order = rest
  deps.visit.keep(chunks.map(({ request }) => request))
  // Those that were to leave may have left while the order waited to begin.
  if (leaving.size > 0) {
    ctx.log.info(
      { order: order.order, chunks: leaving.size },
      'Chunks left an ingest job before it was sent.',
    )
  }
  return at
}

/**
 * The ids of an order of several chunks, each once. Their number is saved in the order, because the
 * counters of the job are compared with it.
 */
export async function idsToSend(
  at: Leaving['at'],
  work: Work,
): Promise<Leaving | { readonly step: 'send'; readonly ids: Uint8Array }> {
  const { order, deps } = work
  const shared = await readSharedIds(order.chunks, deps.staging)
  if (shared.damaged.size > 0) return { step: 'leave', at, leaving: shared.damaged }
  const ids = distinctIds(order.chunks, shared)
  const distinct = ids.length / ID_LENGTH
  if (distinct !== rowsOf(order)) {
    const known = { ...order, distinct }
    await deps.leave(known, [])
    work.order = known
  }
  return { step: 'send', ids }
}
