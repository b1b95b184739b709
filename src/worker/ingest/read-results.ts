import type { Context } from '../../shared/base/context.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import { RESULTS_CONTRADICT } from '../../shared/salesforce/matched-ingest.ts'
import type { IngestOrder } from '../../shared/store/ledger/chunk.ts'
import type { IdSet } from '../ids/id-set.ts'
import type { ChunkBook } from './chunk-book.ts'
import type { Collector } from './collector.ts'
import type { JobFailure } from './job-report.ts'
import { eachResult } from './result-csv.ts'
import { type RowFailure, readRowError, rowFailure } from './row-error.ts'

/** Reads result files into the books of the chunks whose rows they list. */

/** One ingest job whose results are being read. */
export interface ResultsReading {
  readonly job: IngestJobInfo
  readonly order: IngestOrder
  /** Number of rows sent. */
  readonly sent: number
  readonly failure: JobFailure | null
  /** Retries spend no attempt, because the org or an operator caused them. */
  readonly excused: boolean
  /** Whether rows of this chunk have attempts left; after the last, transient failures are final. */
  readonly hasTries: (book: ChunkBook) => boolean
  /** Whether they are retried: not if their request is to end. */
  readonly mayResend: (book: ChunkBook) => boolean
  readonly collector: Collector
  readonly ctx: Context
}

/** Rows of a result file that give no verdict. */
export interface Oddities {
  /** Rows with ids that were not sent. */
  strangers: number
  /** Rows that are truncated, broken, or name two records. */
  unreadable: number
  /** Ids listed among both the failures and the successes. */
  conflicts: number
}

/** Ids that both files list: neither file gives them a verdict. */
export interface Suspects {
  /** Found by an earlier reading. */
  readonly known: IdSet
  /** Found by this reading. */
  readonly found: IdSet
}

/** The verdict of an id that both files list. */
const IN_BOTH = rowFailure(
  RESULTS_CONTRADICT,
  'Salesforce lists it among the failures and among the successes of its ingest job.',
)

export async function readFailures(
  reading: ResultsReading,
  books: readonly ChunkBook[],
  { known }: Suspects,
  odd: Oddities,
): Promise<void> {
  const { job, order, hasTries, collector, ctx } = reading
  const again = new Set(books.filter(hasTries))
  const csv = collector.api.failedResults(job.id, ctx.signal)
  const unreadable = await eachResult(csv, 'sf__Error', {
    read: readRowError,
    pause: () => drain(books),
    visit: (id, failure) => {
      const book = senderOf(id, books)
      if (book === undefined) odd.strangers++
      // Salesforce lists no row twice. If a file does, the first one counts.
      else if (book.isAmongFailures(id)) return
      else if (known.has(id, 0)) {
        odd.conflicts++
        book.failed(id, IN_BOTH)
      } else judgeFailure(book, id, failure, order.operation, again.has(book))
    },
  })
  // Not `+=` with the await: that would add to the number from before the visits.
  odd.unreadable += unreadable
}

function judgeFailure(
  book: ChunkBook,
  id: Buffer,
  failure: RowFailure,
  operation: IngestOrder['operation'],
  mayGoAgain: boolean,
): void {
  // A hard delete did not remove a record that is in the Recycle Bin, so this is a failure.
  if (failure.kind === 'already-gone' && operation === 'delete') {
    if (book.ref.doubt) book.deletedBefore(id)
    else book.alreadyGone(id)
  } else if (failure.kind === 'transient' && mayGoAgain) book.goesAgain(id, failure.code)
  else book.failed(id, failure)
}

export async function readSuccesses(
  { job, collector: { api }, ctx }: ResultsReading,
  books: readonly ChunkBook[],
  { known, found }: Suspects,
  odd: Oddities,
): Promise<void> {
  const csv = api.successfulResults(job.id, ctx.signal)
  const unreadable = await eachResult(csv, 'sf__Created', {
    read: (created) => created === 'true',
    pause: () => drain(books),
    visit: (id, isCreated) => {
      const book = senderOf(id, books)
      if (book === undefined) odd.strangers++
      // A delete creates nothing, so the row belongs to another operation.
      else if (isCreated) odd.unreadable++
      else if (book.isAmongFailures(id)) {
        if (!known.has(id, 0)) odd.conflicts++
        found.add(id, 0)
      } else if (!book.isAmongSuccesses(id)) book.deleted(id)
    },
  })
  odd.unreadable += unreadable
}

async function drain(books: readonly ChunkBook[]): Promise<void> {
  for (const book of books) await book.drain()
}

/** Finds the book of the chunk that sent this id. */
function senderOf(id: Buffer, books: readonly ChunkBook[]): ChunkBook | undefined {
  for (const book of books) if (book.wasSent(id)) return book
  return undefined
}
