import { backoff } from '../../shared/base/backoff.ts'
import { IdSet } from '../ids/id-set.ts'
import { ChunkBook } from './chunk-book.ts'
import { type countsOf, isWhole } from './job-report.ts'
import {
  type Books,
  newTally,
  type ResultsReading,
  readFailures,
  readSuccesses,
  type Suspects,
  type Tally,
} from './read-results.ts'
import { onlySender, sharedSenders } from './senders.ts'

/**
 * Reads result files until they agree with each other, with what was sent and with the job's
 * counters. Any of these may be wrong, for a while or permanently: a file truncated by a proxy
 * looks complete, and an answer may be about another job. Files that disagree are read again from
 * the start. A disagreement that remains is reported, and no id then counts as deleted merely
 * because no file lists it.
 */

/** Null if the job has no plausible counters. */
type Counts = ReturnType<typeof countsOf>

/** The combined result of the files, as far as they could be reconciled. */
interface Account {
  readonly books: readonly ChunkBook[]
  /** Number of ids listed in a result file. */
  readonly mentioned: number
  /** The counters that the files were compared with; null if there are no plausible ones. */
  readonly counts: Counts
  /** Ids that no file lists were deleted: the counters confirm it, and everything else agrees. */
  readonly restIsDeleted: boolean
  /** Remaining contradictions; empty if everything agrees. */
  readonly contradictions: readonly string[]
  /** Number of rows counted by the job but missing from the files. */
  readonly lacking: number
  /** The files list every deletion that the job counted: what they do not list was not deleted. */
  readonly listsDeletions: boolean
}

/** A job's counters, and how to read them again. */
interface Counters {
  readonly now: Counts
  ask(): Promise<Counts>
}

/** How often the files are read before missing or contradicting rows are accepted as final. */
export const MOST_READS = 3
/**
 * Short, because the slot is held meanwhile, and a worker that dies in it counts as a crash of the
 * order.
 */
export const readAgainDelay = backoff({ first: 250 })

/**
 * If the job is complete and processed everything that was sent, `failedResults` alone is enough,
 * unless every deleted id must be recorded.
 *
 * @param opened takes ownership of the books
 */
export async function reconcile(
  reading: ResultsReading,
  counters: Counters,
  opened: AsyncDisposableStack,
): Promise<Account> {
  const { collector, ctx, job, sent } = reading
  using sets = new DisposableStack()
  let known = sets.use(new IdSet())
  let counts = counters.now
  let mustReadBoth = collector.keepDeleted.size > 0
  for (let reads = 1; ; reads++) {
    const found = sets.use(new IdSet())
    const whole = isWhole(job, counts, sent)
    const both = mustReadBoth || !whole
    const { opened: own, ...read } = await readOnce(reading, counts, both, { known, found })
    const fits = read.contradictions.length === 0 && read.lacking === 0
    if (fits || (both && reads >= MOST_READS)) {
      opened.use(own)
      return { ...read, counts, restIsDeleted: fits && !both }
    }
    await own.disposeAsync()
    const { contradictions, lacking } = read
    ctx.log.warn(
      { ingestJob: job.id, lacking, contradictions },
      'The result files do not match the counts of the ingest job. Both are read again.',
    )
    await ctx.clock.sleep(readAgainDelay(reads), ctx.signal)
    counts = await counters.ask()
    known = found
    if (both || reads < MOST_READS) continue
    mustReadBoth = true
    reads = 0
  }
}

type Comparison = Pick<Account, 'mentioned' | 'contradictions' | 'lacking' | 'listsDeletions'>

interface Read extends Comparison, Pick<Account, 'books'> {
  readonly opened: AsyncDisposableStack
}

/** Reads the files from the start into new books. */
async function readOnce(
  reading: ResultsReading,
  counts: Counts,
  both: boolean,
  suspects: Suspects,
): Promise<Read> {
  const tally = newTally()
  await using opened = new AsyncDisposableStack()
  const books = reading.order.chunks.map((ref) => opened.use(new ChunkBook(ref, reading.collector)))
  using senders = await sendersOf(books, reading)
  await readFailures(reading, { books, senders }, suspects, tally)
  if (both) await readSuccesses(reading, { books, senders }, suspects, tally)
  return { opened: opened.move(), books, ...compared(tally, reading, counts, both) }
}

function sendersOf(
  books: Books['books'],
  { shared, collector: { staging } }: ResultsReading,
): Books['senders'] | Promise<Books['senders']> {
  const [only] = books
  return shared === null && only !== undefined
    ? onlySender(only, staging)
    : sharedSenders(books, shared ?? new Map())
}

/** Compares the files with the counters. */
function compared(
  { failures, successes, ...odd }: Tally,
  { job, sent, lost }: ResultsReading,
  counts: Counts,
  both: boolean,
): Comparison {
  const ofLost = Math.min(odd.strangers, lost)
  const contradictions = oddWords({ ...odd, strangers: odd.strangers - ofLost })
  const mentioned = failures + successes + ofLost
  const isComplete = job.state === 'JobComplete'
  // A job that was stopped early may count rows that it leaves unprocessed.
  if (isComplete && counts !== null) {
    const { processed, failed } = counts
    if (failures > failed) contradictions.push(`${failures} failures, ${failed} counted`)
    if (successes > processed - failed) {
      contradictions.push(`${successes} successes, ${processed - failed} counted`)
    }
  }
  const due = both ? (counts?.processed ?? (isComplete ? sent : 0)) : (counts?.failed ?? 0)
  const lacking = Math.max(0, due - mentioned)
  const agrees = contradictions.length === 0
  const listsDeletions =
    counts !== null &&
    (!isComplete || isWhole(job, counts, sent)) &&
    (mentioned >= counts.processed || (agrees && successes >= counts.processed - counts.failed))
  return { mentioned, contradictions, lacking, listsDeletions }
}

function oddWords({
  strangers,
  unreadable,
  conflicts,
}: Omit<Tally, 'failures' | 'successes'>): string[] {
  const words: string[] = []
  if (strangers > 0) words.push(`${strangers} rows of ids that were not sent`)
  if (unreadable > 0) words.push(`${unreadable} rows that cannot be read`)
  if (conflicts > 0) words.push(`${conflicts} ids among the failures and the successes`)
  return words
}
