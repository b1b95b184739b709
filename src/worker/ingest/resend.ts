import { randomUUID } from 'node:crypto'
import { backoff } from '../../shared/base/backoff.ts'
import type { Context } from '../../shared/base/context.ts'
import { NO_OUTCOME, type ReceiptError } from '../../shared/contract/receipt.ts'
import { type ChunkRef, type IngestOrder, orderFor } from '../../shared/store/ledger/chunk.ts'
import type { ResendReason } from '../../shared/telemetry/metrics/events.ts'
import { endUnprocessed, lineOf } from '../end/unprocessed.ts'
import { ChunkStager } from '../ids/chunk-stager.ts'
import type { Resender } from './chunk-book.ts'
import type { CollectedChunk, Collector } from './collector.ts'
import type { JobFailure } from './job-report.ts'

/**
 * Retried rows become new chunks of their request: staged, numbered by the ledger, each carried by
 * its own order of the next attempt. They count only once the ledger records the outcome that names
 * them. A crash before that leaves an unclaimed lot, and the results are read again.
 */

/** How the rows of a chunk are retried. */
interface ResendTerms {
  /** The rows did not cause the failure, or enough have a verdict: the attempt is not counted. */
  readonly excused: boolean
  /** Maximum ids of one new chunk. */
  readonly size: number
  /** Whether ids that no result file lists may have been deleted anyway. */
  readonly doubt: boolean
}

/** Stages the rows of one chunk that are retried, as new chunks of the next attempt. */
export class RowResender implements Resender {
  readonly #lot = `r-${randomUUID()}`
  readonly #failed: ChunkStager
  readonly #unaccounted: ChunkStager

  /** @throws Error if the request is gone; then its order is gone too */
  static async open(
    parent: ChunkRef,
    terms: ResendTerms,
    { ledger, staging }: Collector,
  ): Promise<RowResender> {
    // Two heaps at most: ids in doubt must not share a chunk with others.
    const heap = Math.ceil(parent.count / terms.size)
    const first = await ledger.numberChunks({ id: parent.request, count: 2 * heap })
    if (first === null) throw new Error(`Request ${parent.request} is gone.`)
    return new RowResender(parent, terms, { staging, first, heap })
  }

  private constructor(
    parent: ChunkRef,
    { excused, size, doubt }: ResendTerms,
    { staging, first, heap }: Pick<Collector, 'staging'> & { first: number; heap: number },
  ) {
    const stager = (number: number, inDoubt: boolean) =>
      new ChunkStager(
        staging,
        { request: parent.request, lot: this.#lot },
        { first: size, other: size },
        { first: number, ...nextAttempt(parent, excused), ...(inDoubt ? { doubt: true } : {}) },
      )
    const wasInDoubt = parent.doubt === true
    this.#failed = stager(first, wasInDoubt)
    this.#unaccounted = doubt && !wasInDoubt ? stager(first + heap, true) : this.#failed
  }

  failed(ids: Uint8Array): Promise<void> {
    return this.#failed.write(ids)
  }

  unaccounted(ids: Uint8Array): Promise<void> {
    return this.#unaccounted.write(ids)
  }

  /** What the chunk's outcome says about the new chunks. */
  async end(order: IngestOrder) {
    const chunks: ChunkRef[] = []
    for (const heap of new Set([this.#failed, this.#unaccounted])) {
      chunks.push(...(await heap.end()))
    }
    return resentAs(chunks, order, this.#lot)
  }
}

/** What a chunk's outcome says about the chunks that carry its rows again. */
function resentAs(chunks: readonly ChunkRef[], order: IngestOrder, lot: string) {
  const count = chunks.reduce((sum, chunk) => sum + chunk.count, 0)
  return { again: chunks.map((chunk) => orderFor([chunk], order)), resent: { lot, count } }
}

/** An ingest job whose rows have an unknown fate. */
interface LostJob {
  readonly reason: 'vanished' | 'unreadable'
  readonly job: { readonly id: string; readonly state: string }
  readonly error: ReceiptError
}

/**
 * Retries all rows of a lost job; rows that are gone by then were deleted by us. Chunks past their
 * last attempt end unprocessed, with the reason.
 */
export async function sendAgain(
  order: IngestOrder,
  lost: LostJob,
  collector: Collector,
  ctx: Context,
): Promise<readonly CollectedChunk[]> {
  const { job, error } = lost
  const stopped = await stoppedOf(order, collector)
  const isLast = (ref: ChunkRef) => stopped.has(ref.request) || !mayGoAgain(ref)
  const last = { ...order, chunks: order.chunks.filter(isLast) }
  const others = order.chunks.filter((ref) => !isLast(ref))
  if (others.length > 0) {
    ctx.log.warn({ ingestJob: job.id }, `${error.message} Its rows are sent again.`)
  }
  const ended = await endUnprocessed(last, { error, job }, collector, ctx)
  const terms = { ...lost, excused: false, doubt: true, alone: false }
  return [...ended, ...others.map((ref) => sendWhole(ref, order, terms, collector))]
}

/** How a whole chunk is retried. */
interface WholeTerms extends Omit<ResendTerms, 'size'> {
  readonly reason: ResendReason
  /** The ingest job that carried it; null if none was created. */
  readonly job: LostJob['job'] | null
  /** It shares no ingest job any more. */
  readonly alone: boolean
}

/** Retries a whole chunk in which no row has a verdict yet. */
export function sendWhole(
  ref: ChunkRef,
  order: IngestOrder,
  { reason, job, excused, doubt, alone }: WholeTerms,
  collector: Pick<Collector, 'resendMs'>,
): CollectedChunk {
  // Reuses the same frames under the next attempt; nothing is staged.
  const next: ChunkRef = { ...ref, ...nextAttempt(ref, excused), ...(doubt ? { doubt } : {}) }
  const { again, resent } = resentAs([next], order, ref.lot)
  const line = job === null ? null : lineOf(ref, job)
  return {
    ref,
    outcome: { outcome: NO_OUTCOME, failures: {}, job: line, error: null, resent },
    again: alone ? again.map((one) => ({ ...one, alone })) : again,
    resend: { reason, delayMs: resendDelay(ref, collector) },
  }
}

/** The requests of an order that are to end early: none of their rows are retried. */
export async function stoppedOf(
  { chunks }: IngestOrder,
  { ledger }: Collector,
): Promise<ReadonlySet<string>> {
  const requests = [...new Set(chunks.map(({ request }) => request))]
  const reasons = await ledger.stopReasons(requests)
  return new Set(requests.filter((_, index) => reasons[index] !== null))
}

function nextAttempt(
  { attempt, excused = 0 }: ChunkRef,
  isExcused: boolean,
): Pick<ChunkRef, 'attempt' | 'excused'> {
  const spared = excused + (isExcused ? 1 : 0)
  return { attempt: attempt + 1, ...(spared > 0 ? { excused: spared } : {}) }
}

/** Maximum counted attempts: jobs that carry an id and are not excused. */
export const MOST_ATTEMPTS = 5

/** Whether the rows of this chunk have an attempt left. */
export function mayGoAgain({ attempt, excused = 0 }: ChunkRef): boolean {
  return attempt - excused < MOST_ATTEMPTS
}

/** Share of a chunk's rows that must get a verdict for an attempt not to count. */
const PROGRESS = 0.1

/**
 * Whether an attempt is not counted because enough rows got a verdict: a purge that competes for
 * locks goes on as long as it gets somewhere. Each such attempt leaves at most nine tenths of the
 * rows, and at least one fewer, so there are at most 115 for a million rows and 9 for nine.
 */
export function sparesAttempt(verdicts: number, rows: number): boolean {
  return verdicts >= PROGRESS * rows
}

/** Number of parts into which a job is split that failed because of locks or time. */
const PIECES = 4
/** Salesforce processes a batch in steps of 200 rows; smaller pieces hardly lock less at once. */
const SMALLEST_PIECE = 200

/** Maximum ids of a chunk that retries rows of a failed job. */
export function pieceSize(failure: JobFailure | null, count: number): number {
  return failure === 'lock' || failure === 'timeout'
    ? Math.max(SMALLEST_PIECE, Math.ceil(count / PIECES))
    : Math.max(1, count)
}

const LONGEST_DELAY_MS = 10 * 60_000

/**
 * Delay before rows are retried: four times as long after each counted attempt, up to ten minutes,
 * ± 20 % so that pieces of one job do not meet at the same locks again.
 */
export function resendDelay(
  { attempt, excused = 0 }: Pick<ChunkRef, 'attempt' | 'excused'>,
  { resendMs }: Pick<Collector, 'resendMs'>,
  random?: number,
): number {
  const delay = backoff({ first: resendMs, factor: 4, cap: LONGEST_DELAY_MS, jitter: [0.8, 1.2] })
  return Math.round(delay(Math.max(1, attempt - excused), random))
}
