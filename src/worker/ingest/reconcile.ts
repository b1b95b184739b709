import { backoff } from '../../shared/base/backoff.ts'
import { IdSet } from '../ids/id-set.ts'
import { ChunkBook } from './chunk-book.ts'
import { type countsOf, isWhole } from './job-report.ts'
import {
  type Oddities,
  type ResultsReading,
  readFailures,
  readSuccesses,
  type Suspects,
} from './read-results.ts'

/**
 * Result files are read until they agree with each other, with what was sent and with the job's
 * counters. Each may be wrong for a while, or for good: one that a proxy cut off without a word looks
 * whole, and an answer may be about another job. What does not fit is read again from the start; what
 * never fits is told, and no id is taken for deleted on the strength of it.
 */

/** Null where the job has none that can be its own. */
type Counts = ReturnType<typeof countsOf>

/** What the result files say, as far as anybody can make them fit. */
interface Account {
  readonly books: readonly ChunkBook[]
  /** Ids that a result file has mentioned. */
  readonly mentioned: number
  /** The counters that the files were held against; null where the job has none that can be. */
  readonly counts: Counts
  /** Whatever no file mentions was deleted: the counters vouch for it, and all else fits. */
  readonly restIsDeleted: boolean
  /** What does not fit, after all; empty where everything does. */
  readonly contradictions: readonly string[]
  /** Rows that are counted and in no file. */
  readonly lacking: number
}

/** A job's counters, and how to ask for them again. */
interface Counters {
  readonly now: Counts
  ask(): Promise<Counts>
}

/** How often the files are read before what they lack, or contradict, is believed. */
export const MOST_READS = 3
/** Short: the slot is held meanwhile, and a worker's death in it counts against the order. */
export const readAgainDelay = backoff({ first: 250 })

/**
 * Where the job is complete and has processed all that was sent, `failedResults` alone will do,
 * unless every deleted id is to be written down.
 *
 * @param opened takes the books
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
  let mustReadBoth = collector.keepDeleted
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
      'The result files do not fit what the ingest job has counted; both are read again.',
    )
    await ctx.clock.sleep(readAgainDelay(reads), ctx.signal)
    counts = await counters.ask()
    known = found
    if (both || reads < MOST_READS) continue
    mustReadBoth = true
    reads = 0
  }
}

interface Read extends Pick<Account, 'books' | 'mentioned' | 'contradictions' | 'lacking'> {
  readonly opened: AsyncDisposableStack
}

/** The files from their beginning, into new books. */
async function readOnce(
  reading: ResultsReading,
  counts: Counts,
  both: boolean,
  suspects: Suspects,
): Promise<Read> {
  const { order, collector } = reading
  const odd: Oddities = { strangers: 0, unreadable: 0, conflicts: 0 }
  await using opened = new AsyncDisposableStack()
  const books = order.chunks.map((ref) => opened.use(new ChunkBook(ref, collector)))
  for (const book of books) await book.open()
  await readFailures(reading, books, suspects, odd)
  if (both) await readSuccesses(reading, books, suspects, odd)
  return { opened: opened.move(), books, ...compared({ books, odd }, reading, counts, both) }
}

/** The files against the counters. */
function compared(
  { books, odd }: { readonly books: readonly ChunkBook[]; readonly odd: Oddities },
  { job, sent }: ResultsReading,
  counts: Counts,
  both: boolean,
): Pick<Read, 'mentioned' | 'contradictions' | 'lacking'> {
  const contradictions = oddWords(odd)
  const mentioned = books.reduce((sum, book) => sum + book.mentioned, 0)
  const failures = books.reduce((sum, book) => sum + book.failures, 0)
  const isComplete = job.state === 'JobComplete'
  // A job that was broken off may count rows that it leaves unprocessed.
  if (isComplete && counts !== null) {
    const { processed, failed } = counts
    const successes = mentioned - failures
    if (failures > failed) contradictions.push(`${failures} failures, ${failed} counted`)
    if (successes > processed - failed) {
      contradictions.push(`${successes} successes, ${processed - failed} counted`)
    }
  }
  const due = both ? (counts?.processed ?? (isComplete ? sent : 0)) : (counts?.failed ?? 0)
  return { mentioned, contradictions, lacking: Math.max(0, due - mentioned) }
}

function oddWords({ strangers, unreadable, conflicts }: Oddities): string[] {
  const words: string[] = []
  if (strangers > 0) words.push(`${strangers} rows of ids that were not sent`)
  if (unreadable > 0) words.push(`${unreadable} rows that cannot be read`)
  if (conflicts > 0) words.push(`${conflicts} ids among the failures and the successes`)
  return words
}
