import type { ChunkOutcome, ChunkRef, IngestOrder } from '../../shared/ledger/record.ts'
import { chunkField } from '../../shared/ledger/record.ts'
import { NO_OUTCOME, type Verdict } from '../../shared/receipt.ts'
import { canonicalId, ID_LENGTH, to18 } from '../../shared/record-id.ts'
import type { Operation } from '../../shared/request.ts'
import type { PartKind, ResultsStore, ResultWriter } from '../../shared/results.ts'
import type { IngestApi, IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { Staging } from '../../shared/staging.ts'
import type { Context } from '../context.ts'
import { IdSet } from '../id-set.ts'
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
  const books = await openBooks(order, collector)
  try {
    await readFailures(job, order.operation, books, collector, ctx)
    const failures = books.reduce((sum, book) => sum + book.judged.size, 0)
    const told = whole && failures === job.numberRecordsFailed
    if (!told || collector.keepDeleted) await readSuccesses(job, books, collector, ctx)
    for (const book of books) await book.close(told ? 'deleted' : 'unprocessed', collector.staging)
    return books.map((book) => ({ ref: book.ref, outcome: book.outcome(job) }))
  } finally {
    for (const book of books) await book.dispose()
  }
}

function bookless(ref: ChunkRef, job: IngestJobInfo): CollectedChunk {
  const outcome = { ...NO_OUTCOME, deleted: ref.count }
  return { ref, outcome: { outcome, failures: {}, job: lineOf(ref, job), error: null } }
}

async function openBooks(order: IngestOrder, collector: Collector): Promise<readonly ChunkBook[]> {
  const books: ChunkBook[] = []
  for (const ref of order.chunks) {
    const book = new ChunkBook(ref, collector)
    books.push(book)
    for await (const ids of collector.staging.read(ref, ref.chunk)) book.expect(ids)
  }
  return books
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
  const visit = (id = '', error = '') => {
    const book = bookOf(id, books)
    if (book === undefined) {
      strangers++
      return
    }
    const { code, message } = parseRowError(error)
    book.failed(verdictOf(code, operation), code, message)
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
  const visit = (id = '') => {
    const book = bookOf(id, books)
    if (book === undefined) strangers++
    else book.deleted()
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

/** The book of the chunk that sent this id and has no verdict for it yet; the id is in `scratch`. */
function bookOf(id: string, books: readonly ChunkBook[]): ChunkBook | undefined {
  const canonical = canonicalId(id)
  if (canonical === undefined) return undefined
  scratch.write(canonical, 'latin1')
  return books.find((book) => book.sent.has(scratch, 0) && !book.judged.has(scratch, 0))
}

/** The account of one chunk while its results are read. */
class ChunkBook {
  readonly ref: ChunkRef
  /** Every id that was sent. */
  readonly sent = new IdSet()
  /** Every id that has its verdict. */
  readonly judged = new IdSet()
  readonly #counts: Record<Verdict, number> = { ...NO_OUTCOME }
  readonly #failures = new Map<string, number>()
  readonly #parts: Readonly<Record<PartKind, ResultWriter>>
  readonly #keepDeleted: boolean

  constructor(ref: ChunkRef, { results, org, keepDeleted }: Collector) {
    const folder = { org, id: ref.request }
    const writer = (kind: PartKind) => results.partWriter(folder, kind, chunkField(ref))
    this.ref = ref
    this.#parts = {
      failed: writer('failed'),
      unprocessed: writer('unprocessed'),
      deleted: writer('deleted'),
    }
    this.#keepDeleted = keepDeleted
  }

  expect(ids: Uint8Array): void {
    for (let at = 0; at < ids.length; at += ID_LENGTH) this.sent.add(ids, at)
  }

  failed(verdict: Verdict, code: string, message: string): void {
    this.judged.add(scratch, 0)
    this.#counts[verdict]++
    if (verdict !== 'failed') return
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1)
    this.#parts.failed.write([to18(scratch.toString('latin1')), code, message])
  }

  deleted(): void {
    this.judged.add(scratch, 0)
    this.#counts.deleted++
    if (this.#keepDeleted) this.#parts.deleted.write([to18(scratch.toString('latin1'))])
  }

  /** Whatever has no verdict yet gets this one; then the parts appear. */
  async close(rest: 'deleted' | 'unprocessed', staging: Staging): Promise<void> {
    const left = this.ref.count - this.judged.size
    this.#counts[rest] += left
    if (left > 0 && (rest === 'unprocessed' || this.#keepDeleted)) {
      for await (const ids of staging.read(this.ref, this.ref.chunk)) {
        for (let at = 0; at < ids.length; at += ID_LENGTH) {
          if (this.judged.has(ids, at)) continue
          scratch.set(ids.subarray(at, at + ID_LENGTH))
          this.#parts[rest].write([to18(scratch.toString('latin1'))])
        }
        await this.drain()
      }
    }
    for (const part of Object.values(this.#parts)) await part.commit()
  }

  /** Writes out what has gathered. */
  async drain(): Promise<void> {
    for (const part of Object.values(this.#parts)) await part.drain()
  }

  outcome(job: IngestJobInfo): ChunkOutcome {
    return {
      outcome: { ...this.#counts },
      failures: Object.fromEntries(this.#failures),
      job: lineOf(this.ref, job),
      error: null,
    }
  }

  async dispose(): Promise<void> {
    this.sent.dispose()
    this.judged.dispose()
    for (const part of Object.values(this.#parts)) await part.discard()
  }
}

function lineOf(ref: ChunkRef, job: IngestJobInfo) {
  return { id: job.id, state: job.state, records: ref.count, attempt: ref.attempt }
}
