import { isDeepStrictEqual } from 'node:util'
import { type Context, LaterError } from '../../shared/base/context.ts'
import { totalOf } from '../../shared/contract/receipt.ts'
import type { StoredRequest } from '../../shared/contract/request.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import { matchedIngest, RESULTS_CONTRADICT } from '../../shared/salesforce/matched-ingest.ts'
import {
  type ChunkListing,
  type ChunkOutcome,
  type ChunkRef,
  orderFor,
} from '../../shared/store/ledger/chunk.ts'
import type { Ledger } from '../../shared/store/ledger/ledger.ts'
import { StagingError } from '../../shared/store/staging/staging.ts'
import type { EndedChunk } from '../end/receipt.ts'
import { listChunk } from '../end/unprocessed.ts'
import { IdSet } from '../ids/id-set.ts'
import { ChunkBook, type Resender } from './chunk-book.ts'
import type { Collector } from './collector.ts'
import { newTally, type ResultsReading, readFailures, readSuccesses } from './read-results.ts'
import { MOST_READS, readAgainDelay } from './reconcile.ts'
import { ResultFormatError } from './result-csv.ts'
import { classOf } from './row-error.ts'
import { onlySender } from './senders.ts'

type Listed = Pick<StoredRequest, 'id' | 'object' | 'operation' | 'priority'>

interface Relister extends Omit<Collector, 'keepDeleted'> {
  readonly ledger: Collector['ledger'] & Pick<Ledger, 'pauseState'>
}

/**
 * Lists the rows of a chunk again after its part of the result files was lost. The rows come from
 * the results of its ingest job, which Salesforce keeps for 7 days, and from the staged ids, which
 * stay until the request ends. The verdicts in the ledger stand: results with other counts are
 * rejected.
 *
 * @returns null if the results are gone or give other counts
 * @throws LaterError if the org does not answer now
 */
export async function relistChunk(
  request: Listed,
  { field, outcome }: EndedChunk,
  relister: Relister,
  ctx: Context,
): Promise<ChunkListing | null> {
  const { listed, job } = outcome
  if (listed === undefined) return null
  const ref = refOf(request.id, field, outcome, listed)
  try {
    if (outcome.outcome.unprocessed === ref.count) {
      return (await listChunk(ref, relister, ctx)) ?? null
    }
    if (job === null) return null
    await assertAnswers(request.id, relister)
    using suspects = new IdSet()
    for (let reads = 1; reads <= MOST_READS; reads++) {
      const work = { ref, jobId: job.id, request, known: outcome, suspects }
      const found = await collectAgain(work, relister, ctx)
      if (found !== null) return found
      await ctx.clock.sleep(readAgainDelay(reads), ctx.signal)
    }
    return null
  } catch (error) {
    ctx.signal.throwIfAborted()
    if (error instanceof SalesforceError && error.kind === 'org-fault') {
      throw notNow(request.id, error.message, error.retryAfterMs ?? 0)
    }
    const isGone =
      error instanceof SalesforceError ||
      error instanceof StagingError ||
      error instanceof ResultFormatError
    if (!isGone) throw error
    ctx.log.warn(
      { err: error, request: request.id, chunk: field },
      'The rows to resend cannot be listed.',
    )
    return null
  }
}

/** Waits for the org as in other places; a used-up batch quota does not prevent reading. */
async function assertAnswers(request: string, { ledger }: Relister): Promise<void> {
  const { fault } = await ledger.pauseState()
  if (fault !== null && fault.reason !== 'quota') throw notNow(request, fault.message)
}

function notNow(request: string, why: string, afterMs = 0): LaterError {
  return new LaterError(
    `Request ${request} lacks rows of its result files, and Salesforce cannot be asked for them now: ${why}`,
    afterMs,
  )
}

/** The chunk as it was sent, as far as listing needs it. */
function refOf(
  request: string,
  field: string,
  { outcome, resent }: ChunkOutcome,
  { lot, doubt }: ChunkListing,
): ChunkRef {
  const [chunk = 0, attempt = 1] = field.split('.').map(Number)
  const count = totalOf(outcome) + (resent?.count ?? 0)
  return { request, lot, chunk, attempt, count, sha256: '', ...(doubt ? { doubt } : {}) }
}

interface Again {
  readonly ref: ChunkRef
  readonly jobId: string
  readonly request: Listed
  readonly known: ChunkOutcome
  /** Ids that earlier readings found in both result files. */
  readonly suspects: IdSet
}

async function collectAgain(
  { ref, jobId, request, known, suspects }: Again,
  relister: Relister,
  ctx: Context,
): Promise<ChunkListing | null> {
  const job = await matchedIngest(relister.api, request).get(jobId, ctx.signal)
  // As it was listed then, whatever the org's setting is now.
  const wasKept = known.listed?.deleted !== undefined
  const collector = { ...relister, keepDeleted: new Set(wasKept ? [ref.request] : []) }
  await using book = new ChunkBook(ref, collector)
  using senders = await onlySender(book, relister.staging)
  // If rows ran out of attempts, their error was transient; other failures never are.
  const wasOut = Object.keys(known.failures).some((code) => classOf(code) === 'transient')
  const reading: ResultsReading = {
    ...{ job, order: orderFor([ref], request), failure: null, excused: false, sent: ref.count },
    ...{ shared: null, lost: 0 },
    ...{ hasTries: () => !wasOut, mayResend: () => known.resent !== undefined },
    ...{ collector, ctx },
  }
  // Rows of requests that shared the job count as strangers: only the verdicts are compared.
  const tally = newTally()
  const own = { books: [book], senders }
  const both = { known: suspects, found: suspects }
  await readFailures(reading, own, both, tally)
  // Ids that no file lists were deleted if only failures were read, or if failures explain the
  // counts.
  const isTold =
    !wasKept &&
    known.failures[RESULTS_CONTRADICT] === undefined &&
    book.deletedIfRest === known.outcome.deleted
  if (!isTold) await readSuccesses(reading, own, both, tally)
  const rest = isTold ? 'deleted' : known.resent === undefined ? 'unprocessed' : 'again'
  await book.close(rest, known.resent === undefined ? null : SENT_ALREADY)
  const { outcome, failures, listed } = book.outcome(job, null)
  const isSame = isDeepStrictEqual([outcome, failures], [known.outcome, known.failures])
  return isSame ? (listed ?? null) : null
}

/** Retried rows have their own chunks. */
const SENT_ALREADY: Resender = { failed: async () => {}, unaccounted: async () => {} }
