import type { Context } from '../../shared/base/context.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import { RESULTS_CONTRADICT } from '../../shared/salesforce/matched-ingest.ts'
import type { ChunkRef, IngestOrder } from '../../shared/store/ledger/chunk.ts'
import type { IdSet } from '../ids/id-set.ts'
import type { ChunkBook } from './chunk-book.ts'
import type { Collector } from './collector.ts'
import type { JobFailure } from './job-report.ts'
import { eachResult } from './result-csv.ts'
import { type RowFailure, readRowError, rowFailure } from './row-error.ts'
import type { Senders } from './senders.ts'

/**
 * Reads result files into the books of the chunks whose rows they list. An id of several chunks was
 * sent once, and its verdict goes to each of them.
 */

/** One ingest job whose results are being read. */
export interface ResultsReading {
  readonly job: IngestJobInfo
  readonly order: IngestOrder
  /** Number of rows sent: distinct ids. */
  readonly sent: number
  /** The ids of the chunks, if they share the job; null if a chunk travels alone. */
  readonly shared: ReadonlyMap<ChunkRef, Uint8Array> | null
  /** Number of sent ids whose chunk is no longer staged: at most this many rows are theirs. */
  readonly lost: number
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

/** Counts distinct ids that result files list, and rows that give no verdict. */
export interface Tally {
  failures: number
  successes: number
  /** Rows with ids that were not sent. */
  strangers: number
  /** Rows that are truncated, broken, or name two records. */
  unreadable: number
  /** Ids listed among both the failures and the successes. */
  conflicts: number
}

export const newTally = (): Tally => ({
  ...{ failures: 0, successes: 0, strangers: 0, unreadable: 0, conflicts: 0 },
})

/** The chunks that rows may belong to. */
export interface Books {
  readonly books: readonly ChunkBook[]
  readonly senders: Senders
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
  { books, senders }: Books,
  { known }: Suspects,
  tally: Tally,
): Promise<void> {
  const { job, order, hasTries, collector, ctx } = reading
  const again = new Set(books.filter(hasTries))
  const csv = collector.api.failedResults(job.id, ctx.signal)
  const unreadable = await eachResult(csv, 'sf__Error', {
    read: readRowError,
    pause: () => drain(books),
    visit: (id, failure) => {
      const own = senders.of(id)
      const first = own[0]
      if (first === undefined) tally.strangers++
      // Salesforce lists no row twice. If a file does, the first one counts.
      else if (first.addFailure(id)) {
        for (const book of own) if (book !== first) book.addFailure(id)
        tally.failures++
        const isConflict = known.has(id, 0)
        if (isConflict) tally.conflicts++
        for (const book of own) {
          if (isConflict) book.failed(id, IN_BOTH)
          else judgeFailure(book, id, failure, order.operation, again.has(book))
        }
      }
    },
  })
  // Not `+=` with the await: that would add to the number from before the visits.
  tally.unreadable += unreadable
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
    else book.alreadyGone()
  } else if (failure.kind === 'transient' && mayGoAgain) book.goesAgain(id, failure.code)
  else book.failed(id, failure)
}

export async function readSuccesses(
  { job, collector: { api }, ctx }: ResultsReading,
  { books, senders }: Books,
  { known, found }: Suspects,
  tally: Tally,
): Promise<void> {
  const csv = api.successfulResults(job.id, ctx.signal)
  const unreadable = await eachResult(csv, 'sf__Created', {
    read: (created) => created === 'true',
    pause: () => drain(books),
    visit: (id, isCreated) => {
      const own = senders.of(id)
      const first = own[0]
      if (first === undefined) tally.strangers++
      // A delete creates nothing, so the row belongs to another operation.
      else if (isCreated) tally.unreadable++
      else if (first.isAmongFailures(id)) {
        if (!known.has(id, 0)) tally.conflicts++
        found.add(id, 0)
      } else if (!first.isAmongSuccesses(id)) {
        tally.successes++
        for (const book of own) book.deleted(id)
      }
    },
  })
  tally.unreadable += unreadable
}

async function drain(books: readonly ChunkBook[]): Promise<void> {
  for (const book of books) await book.drain()
}
