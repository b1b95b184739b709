import type { Context } from '../../shared/base/context.ts'
import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import { RESULTS_CONTRADICT } from '../../shared/salesforce/matched-ingest.ts'
import type { IngestOrder } from '../../shared/store/ledger/chunk.ts'
import type { IdSet } from '../ids/id-set.ts'
import type { ChunkBook } from './chunk-book.ts'
import type { Collector } from './collector.ts'
import type { JobFailure } from './job-report.ts'
import { eachResult } from './result-csv.ts'
import { classOf, rowErrorReader } from './row-error.ts'

/** Result files into the books of the chunks whose rows they judge. */

/** One ingest job whose results are read. */
export interface ResultsReading {
  readonly job: IngestJobInfo
  readonly order: IngestOrder
  /** Rows that it was sent. */
  readonly sent: number
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

/** Rows of a result file that give no verdict. */
export interface Oddities {
  /** Of ids that were not sent. */
  strangers: number
  /** Cut off, broken, or naming two records at once. */
  unreadable: number
  /** Of ids that are among the failures and among the successes. */
  conflicts: number
}

/** Ids that both files have: they get no verdict from either. */
export interface Suspects {
  /** As an earlier reading found them. */
  readonly known: IdSet
  /** As this one does. */
  readonly found: IdSet
}

/** What both files have for an id that they contradict each other about. */
const BOTH = 'Salesforce lists it among the failures and among the successes of its ingest job.'

export async function readFailures(
  reading: ResultsReading,
  books: readonly ChunkBook[],
  { known }: Suspects,
  odd: Oddities,
): Promise<void> {
  const { job, order, hasTries, collector, ctx } = reading
  const again = new Set(books.filter(hasTries))
  const readError = rowErrorReader()
  const csv = collector.api.failedResults(job.id, ctx.signal)
  const pause = () => drain(books)
  const broken = await eachResult(csv, 'sf__Error', pause, (id, sfId, error) => {
    const book = senderOf(id, books)
    if (book === undefined) odd.strangers++
    else if (sfId !== '' && !isSame(sfId, id)) odd.unreadable++
    // Salesforce lists no row twice; where a file does, the first one counts.
    else if (book.isAmongFailures(scratch)) return
    else if (known.has(scratch, 0)) {
      odd.conflicts++
      book.failed(scratch, RESULTS_CONTRADICT, BOTH)
    } else judgeFailure(book, readError(error), order.operation, again.has(book))
  })
  odd.unreadable += broken
}

function judgeFailure(
  book: ChunkBook,
  { code, message }: ReturnType<ReturnType<typeof rowErrorReader>>,
  operation: IngestOrder['operation'],
  mayGoAgain: boolean,
): void {
  const kind = classOf(code)
  // A hard delete of what lies in the Recycle Bin has not removed it: that is a failure.
  if (kind === 'already-gone' && operation === 'delete') {
    if (book.ref.doubt) book.deletedBefore(scratch)
    else book.alreadyGone(scratch)
  } else if (kind === 'transient' && mayGoAgain) book.goesAgain(scratch)
  else book.failed(scratch, code, message)
}

export async function readSuccesses(
  { job, collector: { api }, ctx }: ResultsReading,
  books: readonly ChunkBook[],
  { known, found }: Suspects,
  odd: Oddities,
): Promise<void> {
  const csv = api.successfulResults(job.id, ctx.signal)
  const pause = () => drain(books)
  const broken = await eachResult(csv, 'sf__Created', pause, (id, sfId, created) => {
    const book = senderOf(id, books)
    if (book === undefined) odd.strangers++
    // A delete creates nothing: the row is of another operation.
    else if ((sfId !== '' && !isSame(sfId, id)) || created === 'true') odd.unreadable++
    else if (book.isAmongFailures(scratch)) {
      if (!known.has(scratch, 0)) odd.conflicts++
      found.add(scratch, 0)
    } else if (!book.isAmongSuccesses(scratch)) book.deleted(scratch)
  })
  odd.unreadable += broken
}

async function drain(books: readonly ChunkBook[]): Promise<void> {
  for (const book of books) await book.drain()
}

/** Two spellings of one record: 15 or 18 characters. */
function isSame(a: string, b: string): boolean {
  return a === b || a.slice(0, ID_LENGTH) === b.slice(0, ID_LENGTH)
}

/** One row's id at a time passes through here; a buffer of its own each would be garbage by the million. */
const scratch = Buffer.alloc(ID_LENGTH)

/**
 * The book of the chunk that this id, which is in `scratch` then, was sent with. Whether it is an id
 * at all need not be asked: it is one if it was sent.
 */
function senderOf(id: string, books: readonly ChunkBook[]): ChunkBook | undefined {
  if (id.length !== ID_LENGTH && id.length !== ID_LENGTH + 3) return undefined
  scratch.write(id, 0, ID_LENGTH, 'latin1')
  return books.find((book) => book.wasSent(scratch))
}
