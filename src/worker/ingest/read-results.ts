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
  /** Whether rows of this chunk have attempts left. */
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

/** Message for an id that both files list. */
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
    // Salesforce lists no row twice. If a file does, the first one counts.
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
  // A hard delete did not remove a record that is in the Recycle Bin, so this is a failure.
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
    // A delete creates nothing, so the row belongs to another operation.
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

/** Whether two ids name the same record, in 15 or 18 characters. */
function isSame(a: string, b: string): boolean {
  return a === b || a.slice(0, ID_LENGTH) === b.slice(0, ID_LENGTH)
}

/** Holds one row's id at a time; a new buffer per row would create garbage by the million. */
const scratch = Buffer.alloc(ID_LENGTH)

/**
 * Finds the book of the chunk that sent this id, and leaves the id in `scratch`. The form of the id
 * need not be checked, because only ids that were sent match.
 */
function senderOf(id: string, books: readonly ChunkBook[]): ChunkBook | undefined {
  if (id.length !== ID_LENGTH && id.length !== ID_LENGTH + 3) return undefined
  scratch.write(id, 0, ID_LENGTH, 'latin1')
  return books.find((book) => book.wasSent(scratch))
}
