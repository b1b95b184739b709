import type { Context } from '../../shared/base/context.ts'
import { mapInSlices } from '../../shared/base/slices.ts'
import { NO_OUTCOME, type ReceiptError } from '../../shared/contract/receipt.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import { RESULTS_CONTRADICT } from '../../shared/salesforce/matched-ingest.ts'
import { type IngestOrder, isShared, rowsOf } from '../../shared/store/ledger/chunk.ts'
import type { ResendReason } from '../../shared/telemetry/metrics/events.ts'
import { endEach, lineOf } from '../end/unprocessed.ts'
import { readSharedIds, type SharedIds } from '../ids/shared-chunks.ts'
import type { ChunkBook } from './chunk-book.ts'
import type { CollectedChunk, Collector } from './collector.ts'
import { countsOf, isWhole, jobFailureOf } from './job-report.ts'
import type { ResultsReading } from './read-results.ts'
import { reconcile } from './reconcile.ts'
import {
  mayGoAgain,
  pieceSize,
  RowResender,
  resendDelay,
  sparesAttempt,
  stoppedOf,
} from './resend.ts'

type Account = Awaited<ReturnType<typeof reconcile>>

/** Facts about a job besides what it reports. */
interface Known {
  /** Retries spend no attempt, because an operator or the org caused them. */
  readonly excused?: boolean
  /** We did not close the job, so its counters may include other rows. */
  readonly unclosed?: boolean
  /** Reads the job again if its counters and its files disagree. */
  readonly look?: () => Promise<IngestJobInfo | null>
}

/**
 * Gives every id of a terminal ingest job its verdict or another attempt, with as few downloads as
 * are safe:
 *
 * - none if the job is complete, processed everything that was sent and nothing failed;
 * - `failedResults` if the job is complete and its failures match its counter: every id not listed
 *   there was deleted;
 * - `successfulResults` too in every other case, such as missing counters or counters that disagree
 *   with the files: ids that neither file lists are retried. They include those in
 *   `unprocessedrecords`, so that file is never needed.
 *
 * Rows come in any order (Bulk API 2.0, Get Job Successful Record Results), so they are matched by
 * id. The job's processed counter includes failures. Calling this again writes the same files.
 */
export async function collect(
  job: IngestJobInfo,
  order: IngestOrder,
  collector: Collector,
  ctx: Context,
  { excused = false, unclosed = false, look = async () => job }: Known = {},
): Promise<readonly CollectedChunk[]> {
  const sent = rowsOf(order)
  const counts = (told: IngestJobInfo | null) =>
    unclosed || told === null ? null : countsOf(told, sent)
  const now = counts(job)
  if (job.errorMessage !== null) {
    ctx.log.error({ ingestJob: job.id, state: job.state }, `Salesforce: ${job.errorMessage}`)
  }
  if (isWhole(job, now, sent) && now?.failed === 0 && collector.keepDeleted.size === 0) {
    return order.chunks.map((ref) => {
      const outcome = { ...NO_OUTCOME, deleted: ref.count }
      return { ref, outcome: { outcome, failures: {}, job: lineOf(ref, job), error: null } }
    })
  }
  const { damaged, ...staged } = await readStaged(order, collector)
  // The rows of these chunks cannot be told apart. The others of the job do not depend on them.
  const ended = await endEach(damaged, job, collector, ctx)
  if (ended.length === order.chunks.length) return ended
  const begun = await begin({ job, ...staged, sent, collector, ctx }, excused)
  await using opened = new AsyncDisposableStack()
  const counters = { now, ask: async () => counts(await look()) }
  const { account, reading } = await readAll(begun, counters, opened)
  const concluded = await mapInSlices(account.books, AT_ONCE, (book) =>
    conclude(book, account, reading),
  )
  return [...ended, ...concluded]
}

/** Chunks that are concluded at once: each may write files and stage rows. */
const AT_ONCE = 20

type Staged = Pick<ResultsReading, 'order' | 'shared' | 'lost'> & Pick<SharedIds, 'damaged'>

/** The ids of chunks that share a job. A chunk that travels alone is read where it is needed. */
async function readStaged(order: IngestOrder, { staging }: Collector): Promise<Staged> {
  if (order.chunks.length === 1) return { order, shared: null, lost: 0, damaged: new Map() }
  const { ids, damaged } = await readSharedIds(order.chunks, staging)
  const chunks = order.chunks.filter((ref) => ids.has(ref))
  const lost = rowsOf({ chunks: [...damaged.keys()] })
  return { order: { ...order, chunks }, shared: ids, lost, damaged }
}

async function begin(
  facts: Omit<ResultsReading, 'failure' | 'excused' | 'hasTries' | 'mayResend'>,
  asked: boolean,
): Promise<ResultsReading> {
  const { job, order, collector } = facts
  const failure = job.state === 'Failed' ? (jobFailureOf(job.errorMessage) ?? 'other') : null
  const excused = asked || failure === 'quota'
  // A stop flag raised later is handled when the request is settled.
  const stopped = await stoppedOf(order, collector)
  const hasTries = () => failure !== 'input'
  const mayResend = (book: ChunkBook) => hasTries() && !stopped.has(book.ref.request)
  return { ...facts, failure, excused, hasTries, mayResend }
}

/**
 * Reads the results. Whether a last attempt counts depends on how many of its rows have a verdict,
 * which is known only after reading. If it counts, its transient failures are final, so the files
 * are read once more to list them.
 */
async function readAll(
  reading: ResultsReading,
  counters: Parameters<typeof reconcile>[1],
  opened: AsyncDisposableStack,
): Promise<{ readonly account: Account; readonly reading: ResultsReading }> {
  await using first = new AsyncDisposableStack()
  const account = await reconcile(reading, counters, first)
  const isSpent = (book: ChunkBook) => !mayGoAgain(book.ref) && !isExcused(book, account, reading)
  const spent = new Set(account.books.filter(isSpent).map(({ ref }) => ref))
  const last: ResultsReading = {
    ...reading,
    hasTries: (book) => reading.hasTries(book) && !spent.has(book.ref),
    mayResend: (book) => reading.mayResend(book) && !spent.has(book.ref),
  }
  const isListed = (book: ChunkBook) =>
    book.passing === 0 || last.hasTries(book) === reading.hasTries(book)
  if (account.books.every(isListed)) {
    opened.use(first.move())
    return { account, reading: last }
  }
  await first.disposeAsync()
  return { account: await reconcile(last, counters, opened), reading: last }
}

/** Whether the chunk's retries spend no attempt: see {@link sparesAttempt}. */
function isExcused(book: ChunkBook, account: Account, { excused }: ResultsReading): boolean {
  const told = account.restIsDeleted ? book.ref.count : book.mentioned
  return excused || sparesAttempt(told - book.passing, book.ref.count)
}

/** The chunk's outcome, once all files are read. */
async function conclude(
  book: ChunkBook,
  account: Account,
  reading: ResultsReading,
): Promise<CollectedChunk> {
  const { job, order, failure, mayResend, collector } = reading
  const rest = account.restIsDeleted ? 'deleted' : mayResend(book) ? 'again' : 'unprocessed'
  const unaccounted = rest === 'again' ? book.left : 0
  const outcomeOf = () => book.outcome(job, errorOf(book, rest, account, reading))
  if (book.passing + unaccounted === 0 || !mayResend(book)) {
    await book.close(rest, null)
    return { ref: book.ref, outcome: outcomeOf() }
  }
  const resender = await RowResender.open(
    book.ref,
    {
      excused: isExcused(book, account, reading),
      size: pieceSize(failure, book.ref.count),
      doubt: !account.listsDeletions,
    },
    collector,
  )
  await book.close(rest, resender)
  const { again, resent } = await resender.end(order)
  return {
    ref: book.ref,
    outcome: { ...outcomeOf(), resent },
    again,
    resend: {
      reason: reasonOf(reading, unaccounted),
      code: book.retryCode,
      delayMs: resendDelay(book.ref, collector),
    },
  }
}

function reasonOf({ job, failure }: ResultsReading, unaccounted: number): ResendReason {
  if (failure !== null && failure !== 'input') return failure
  if (job.state === 'Aborted') return 'aborted'
  return unaccounted > 0 ? 'missing' : 'row'
}

/** What the receipt says about the job; null if there is nothing to report. */
function errorOf(
  book: ChunkBook,
  rest: 'deleted' | 'unprocessed' | 'again',
  { contradictions, lacking }: Account,
  { job, order, failure }: ResultsReading,
): ReceiptError | null {
  // A bug on our side.
  if (failure === 'input') {
    const message = `Salesforce refused ingest job ${job.id}: ${job.errorMessage}`
    return { code: 'INGEST_JOB_FAILED', message }
  }
  const isLast = rest === 'unprocessed' && book.left > 0
  const words = [...contradictions]
  if (isLast && lacking > 0) words.push(`${lacking} rows counted that are in no result file`)
  // If every row is retried, no verdict depends on this job.
  const hasVerdicts = book.mentioned > book.passing || isLast
  if (words.length === 0 || !hasVerdicts) return null
  // In a shared job, the numbers count rows of other requests.
  const which = isShared(order) ? '' : `: ${words.join(', ')}`
  const message =
    `What Salesforce says of ingest job ${job.id} does not fit together${which}. ` +
    'Each id has the verdict of its own row; one that is in both result files is counted as failed, ' +
    'one that is in neither as unprocessed. Compare with the job in Salesforce.'
  return { code: RESULTS_CONTRADICT, message }
}
