import type { IngestOrder } from '../../shared/ledger/record.ts'
import { ID_LENGTH } from '../../shared/record-id.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { Context } from '../context.ts'
import type { ChunkBook } from './chunk-book.ts'
import type { Collector } from './collect.ts'
import { eachResult } from './result-csv.ts'
import { classOf, type JobFailure, parseRowError } from './retry.ts'

/** Result files into the books of the chunks whose rows they judge. */

/** One ingest job whose results are read. */
export interface Reading {
  readonly job: IngestJobInfo
  readonly order: IngestOrder
  readonly failure: JobFailure | null
  /** What goes again spends no attempt: the fault was the org's, or an operator's wish. */
  readonly excused: boolean
  /** Whether another attempt would be due to rows of this chunk. */
  readonly hasTries: (book: ChunkBook) => boolean
  /** Whether they go again: not where their request is to end. */
  readonly mayResend: (book: ChunkBook) => boolean
  readonly collector: Collector
  readonly ctx: Context
}

/** How often a result file is read before it is believed to hold fewer rows than were counted. */
const MOST_READS = 3
/** Short: the slot is held meanwhile, and a worker's death in it counts against the order. */
const READ_AGAIN_MS = 250

/**
 * Reads a result file until as many rows are mentioned as the job has counted: one that a proxy cut
 * off without a word looks whole. Rows that Salesforce did not record are missing each time.
 */
export async function readWhole(
  read: (reading: Reading, books: readonly ChunkBook[]) => Promise<void>,
  counted: number,
  reading: Reading,
  books: readonly ChunkBook[],
): Promise<void> {
  const { job, ctx } = reading
  for (let reads = 1; ; reads++) {
    await read(reading, books)
    const rows = mentionedIn(books)
    if (rows >= counted || reads >= MOST_READS) return
    ctx.log.warn(
      { ingestJob: job.id, rows, counted },
      'The result files hold fewer rows than the ingest job has counted; the last is read again.',
    )
    await ctx.clock.sleep(READ_AGAIN_MS * reads, ctx.signal)
  }
}

/** Ids that a result file has mentioned. */
export function mentionedIn(books: readonly ChunkBook[]): number {
  return books.reduce((sum, book) => sum + book.mentioned, 0)
}

export async function readFailures(reading: Reading, books: readonly ChunkBook[]): Promise<void> {
  const { job, order, hasTries, collector, ctx } = reading
  if (job.state === 'JobComplete' && job.numberRecordsFailed === 0) return
  const again = new Set(books.filter(hasTries))
  let strangers = 0
  const visit = (id: string, error: string) => {
    const book = bookOf(id, books)
    if (book === undefined) {
      strangers++
      return
    }
    const { code, message } = parseRowError(error)
    const kind = classOf(code)
    // A hard delete of what lies in the Recycle Bin has not removed it: that is a failure.
    if (kind === 'already-gone' && order.operation === 'delete') {
      if (book.ref.doubt) book.deleted(scratch)
      else book.alreadyGone(scratch)
    } else if (kind === 'transient' && again.has(book)) book.goesAgain(scratch)
    else book.failed(scratch, code, message)
  }
  const csv = collector.api.failedResults(job.id, ctx.signal)
  await eachResult(csv, ['Id', 'sf__Error'], visit, () => drain(books))
  reportStrangers(strangers, 'failedResults', job, ctx)
}

export async function readSuccesses(
  { job, collector: { api }, ctx }: Reading,
  books: readonly ChunkBook[],
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
  ctx.log.warn(
    { ingestJob: job.id, rows: count },
    `${file} holds rows whose ids were not sent, or that were read before; they were left out.`,
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
