import type { Ledger } from '../../shared/ledger/ledger.ts'
import type { IngestOrder } from '../../shared/ledger/record.ts'
import { NO_OUTCOME } from '../../shared/receipt.ts'
import type { ResultsStore } from '../../shared/results.ts'
import type { IngestApi, IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { Staging } from '../../shared/staging.ts'
import type { Context } from '../context.ts'
import { ChunkBook, lineOf } from './chunk-book.ts'
import {
  mentionedIn,
  type Reading,
  readFailures,
  readSuccesses,
  readWhole,
} from './read-results.ts'
import {
  type CollectedChunk,
  delayOf,
  type ResendReason,
  RowResender,
  resentAs,
  stoppedOf,
} from './resend.ts'
import { jobFailureOf, mayGoAgain, pieceSize } from './retry.ts'

/** What collecting results needs. */
export interface Collector {
  readonly org: string
  readonly api: IngestApi
  readonly ledger: Pick<Ledger, 'numberChunks' | 'stopReasons'>
  readonly staging: Staging
  readonly results: ResultsStore
  /** The audit option: every deleted id is written to `deleted.csv`. */
  readonly keepDeleted: boolean
  /** Before rows go again for the first time. */
  readonly resendMs: number
}

/**
 * Gives every id of a terminal ingest job its verdict, or another attempt, from as few downloads as
 * tell the truth:
 *
 * - none, where the job is complete, has processed what was sent and nothing failed;
 * - `failedResults`, where it is complete and its failures are as many as it says: whatever is not
 *   among them was deleted;
 * - `successfulResults` too in every other case: whatever neither file mentions goes again.
 *   That includes what `unprocessedrecords` lists, so that file is never needed.
 *
 * Rows come in any order (Bulk API 2.0, Get Job Successful Record Results), so they are matched by
 * id. Counters of the job include failures. Repeating it writes the same files again.
 */
export async function collect(
  job: IngestJobInfo,
  order: IngestOrder,
  collector: Collector,
  ctx: Context,
  { excused = false }: { readonly excused?: boolean } = {},
): Promise<readonly CollectedChunk[]> {
  const sent = order.chunks.reduce((sum, { count }) => sum + count, 0)
  const whole = job.state === 'JobComplete' && job.numberRecordsProcessed === sent
  if (job.errorMessage !== null) {
    ctx.log.error({ ingestJob: job.id, state: job.state }, `Salesforce: ${job.errorMessage}`)
  }
  if (whole && job.numberRecordsFailed === 0 && !collector.keepDeleted) {
    return order.chunks.map((ref) => {
      const outcome = { ...NO_OUTCOME, deleted: ref.count }
      return { ref, outcome: { outcome, failures: {}, job: lineOf(ref, job), error: null } }
    })
  }
  const reading = await begin(job, order, excused, collector, ctx)
  await using opened = new AsyncDisposableStack()
  const books = order.chunks.map((ref) => opened.use(new ChunkBook(ref, collector)))
  for (const book of books) await book.open()
  await readWhole(readFailures, job.numberRecordsFailed, reading, books)
  const told = whole && mentionedIn(books) === job.numberRecordsFailed
  if (!told || collector.keepDeleted) {
    await readWhole(readSuccesses, job.numberRecordsProcessed, reading, books)
  }
  const doubt = job.state === 'JobComplete' || mentionedIn(books) < job.numberRecordsProcessed
  const results: CollectedChunk[] = []
  for (const book of books) results.push(await conclude(book, { told, doubt }, reading))
  return results
}

async function begin(
  job: IngestJobInfo,
  order: IngestOrder,
  asked: boolean,
  collector: Collector,
  ctx: Context,
): Promise<Reading> {
  const failure = job.state === 'Failed' ? (jobFailureOf(job.errorMessage) ?? 'other') : null
  const excused = asked || failure === 'quota'
  // A flag that is raised later is settle's to heed.
  const stopped = await stoppedOf(order, collector)
  const hasTries = ({ ref }: ChunkBook) => failure !== 'input' && (excused || mayGoAgain(ref))
  const mayResend = (book: ChunkBook) => hasTries(book) && !stopped.has(book.ref.request)
  return { job, order, failure, excused, hasTries, mayResend, collector, ctx }
}

/** The chunk's outcome, once all files are read. */
async function conclude(
  book: ChunkBook,
  { told, doubt }: { told: boolean; doubt: boolean },
  reading: Reading,
): Promise<CollectedChunk> {
  const { job, order, failure, excused, mayResend, collector } = reading
  const rest = told ? 'deleted' : mayResend(book) ? 'again' : 'unprocessed'
  const unaccounted = rest === 'again' ? book.left : 0
  const outcomeOf = () => ({ ...book.outcome(job), error: inputError(reading) })
  if (book.passing + unaccounted === 0 || !mayResend(book)) {
    await book.close(rest, null)
    return { ref: book.ref, outcome: outcomeOf() }
  }
  const resender = await RowResender.open(
    book.ref,
    { excused, size: pieceSize(failure, book.ref.count), doubt },
    collector,
  )
  await book.close(rest, resender)
  const { again, resent } = resentAs(await resender.end(), order, resender.lot)
  return {
    ref: book.ref,
    outcome: { ...outcomeOf(), resent },
    again,
    resend: { reason: reasonOf(reading, unaccounted), delayMs: delayOf(book.ref, collector) },
  }
}

function reasonOf({ job, failure }: Reading, unaccounted: number): ResendReason {
  if (failure !== null && failure !== 'input') return failure
  if (job.state === 'Aborted') return 'aborted'
  return unaccounted > 0 ? 'missing' : 'row'
}

/** Salesforce could not read what was sent: a defect of ours, and the receipt says so. */
function inputError({ job, failure }: Reading): { code: string; message: string } | null {
  if (failure !== 'input') return null
  const message = `Salesforce refused ingest job ${job.id}: ${job.errorMessage}`
  return { code: 'INGEST_JOB_FAILED', message }
}
