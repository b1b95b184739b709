import type { ChunkOutcome, ChunkRef, IngestOrder } from '../../shared/ledger/record.ts'
import { NO_OUTCOME } from '../../shared/receipt.ts'
import { ID_LENGTH } from '../../shared/record-id.ts'
import type { Operation } from '../../shared/request.ts'
import type { ResultsStore } from '../../shared/results.ts'
import type { IngestApi, IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { Staging } from '../../shared/staging.ts'
import type { Context } from '../context.ts'
import { ChunkBook, lineOf } from './chunk-book.ts'
import { eachResult } from './result-csv.ts'
import { parseRowError, verdictOf } from './retry.ts'

/** What collecting results needs. */
export interface Collector {
  readonly org: string
  readonly api: IngestApi
  readonly staging: Staging
  readonly results: ResultsStore
  /** The audit option: every deleted id is written to `deleted.csv`. */
  readonly keepDeleted: boolean
}

export interface CollectedChunk {
  readonly ref: ChunkRef
  readonly outcome: ChunkOutcome
}

/**
 * Gives every id of a terminal ingest job its verdict, from as few downloads as tell the truth:
 *
 * - none, where the job is complete, has processed what was sent and nothing failed;
 * - `failedResults`, where it is complete and its failures are as many as it says: whatever is not
 *   among them was deleted;
 * - `successfulResults` too in every other case: whatever neither file mentions is unprocessed.
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
): Promise<readonly CollectedChunk[]> {
  const sent = order.chunks.reduce((sum, { count }) => sum + count, 0)
  const whole = job.state === 'JobComplete' && job.numberRecordsProcessed === sent
  if (job.errorMessage !== null) {
    ctx.log.error({ ingestJob: job.id, state: job.state }, `Salesforce: ${job.errorMessage}`)
  }
  if (whole && job.numberRecordsFailed === 0 && !collector.keepDeleted) {
    return order.chunks.map((ref) => bookless(ref, job))
  }
  await using opened = new AsyncDisposableStack()
  const books = order.chunks.map((ref) => opened.use(new ChunkBook(ref, collector)))
  for (const book of books) await book.open(collector.staging)
  await readFailures(job, order.operation, books, collector, ctx)
  const failures = books.reduce((sum, book) => sum + book.judged, 0)
  const told = whole && failures === job.numberRecordsFailed
  if (!told || collector.keepDeleted) await readSuccesses(job, books, collector, ctx)
  for (const book of books) await book.close(told ? 'deleted' : 'unprocessed', collector.staging)
  return books.map((book) => ({ ref: book.ref, outcome: book.outcome(job) }))
}

function bookless(ref: ChunkRef, job: IngestJobInfo): CollectedChunk {
  const outcome = { ...NO_OUTCOME, deleted: ref.count }
  return { ref, outcome: { outcome, failures: {}, job: lineOf(ref, job), error: null } }
}

async function readFailures(
  job: IngestJobInfo,
  operation: Operation,
  books: readonly ChunkBook[],
  { api }: Collector,
  ctx: Context,
): Promise<void> {
  if (job.state === 'JobComplete' && job.numberRecordsFailed === 0) return
  let strangers = 0
  const visit = (id: string, error: string) => {
    const book = bookOf(id, books)
    if (book === undefined) {
      strangers++
      return
    }
    const { code, message } = parseRowError(error)
    book.failed(scratch, verdictOf(code, operation), code, message)
  }
  const csv = api.failedResults(job.id, ctx.signal)
  await eachResult(csv, ['Id', 'sf__Error'], visit, () => drain(books))
  reportStrangers(strangers, 'failedResults', job, ctx)
}

async function readSuccesses(
  job: IngestJobInfo,
  books: readonly ChunkBook[],
  { api }: Collector,
  ctx: Context,
): Promise<void> {
  let strangers = 0
  const visit = (id: string) => {
    const book = bookOf(id, books)
    if (book === undefined) strangers++
    else book.deleted(scratch)
  }
  await eachResult(api.successfulResults(job.id, ctx.signal), ['Id'], visit, () => drain(books))
  reportStrangers(strangers, 'successfulResults', job, ctx)
}

async function drain(books: readonly ChunkBook[]): Promise<void> {
  for (const book of books) await book.drain()
}

function reportStrangers(count: number, file: string, job: IngestJobInfo, ctx: Context): void {
  if (count === 0) return
  ctx.log.error(
    { ingestJob: job.id, rows: count },
    `${file} holds rows whose ids were not sent, or were sent once and answered before; they were left out.`,
  )
}

/** One row's id at a time passes through here; a buffer of its own each would be garbage by the million. */
const scratch = Buffer.alloc(ID_LENGTH)

/**
 * The book that awaits a verdict for this id, which is in `scratch` then. Whether it is an id at all
 * need not be asked: it is one if it was sent.
 */
function bookOf(id: string, books: readonly ChunkBook[]): ChunkBook | undefined {
  if (scratch.write(id, 0, ID_LENGTH, 'latin1') < ID_LENGTH) return undefined
  return books.find((book) => book.awaits(scratch))
}
