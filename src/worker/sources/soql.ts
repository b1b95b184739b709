import { endsAllWork, LaterError, NotOursError } from '../../shared/base/context.ts'
import { SourceError } from '../../shared/base/errors.ts'
import type { StoredList } from '../../shared/contract/sources/sources.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import { isTerminalState } from '../../shared/salesforce/job-info.ts'
import { pollInterval } from '../../shared/salesforce/poll-interval.ts'
import type { QueryJobInfo } from '../../shared/salesforce/query.ts'
import type { PlanCalls } from '../gate/plan-calls.ts'
import { QueryPages } from './query-pages.ts'
import type { SourceNotes, SourceOrg, SourceReading } from './source.ts'

/** Salesforce gives up on a query after 15 tries of ten minutes, so no working job takes a day. */
const LONGEST_WAIT_MS = 24 * 3600_000

/**
 * The ids that a query finds in the request's org, as a CSV: a query job, which Salesforce runs and
 * whose results it keeps for 7 days. After a crash the next attempt goes on with the same job and
 * reads all of its results again. The job is deleted at the end, however that comes.
 *
 * @throws SourceError if Salesforce refuses the query, or the job ends without results
 * @throws LaterError if planning has to start again later
 */
export async function* openSoql(
  { query }: Extract<StoredList, { readonly type: 'soql' }>,
  { record, salesforce, notes, signal }: SourceReading,
): AsyncGenerator<Uint8Array> {
  if (salesforce === null) {
    throw new SourceError(
      'SOURCE_NOT_READABLE',
      'A query needs a login to the org, and this process has none.',
    )
  }
  await using calls = salesforce.calls(signal)
  const run = new QueryRun({ query, object: record.request.object, salesforce, notes, calls })
  try {
    const job = await run.ended()
    yield* new QueryPages(salesforce.query, calls, signal).of(job)
  } catch (error) {
    throw sourceErrorFrom(error)
  } finally {
    if (!goesOn(signal)) await run.discard()
  }
}

/** Whether another attempt goes on with the job: this one is handed over, or has lost its lock. */
function goesOn({ aborted, reason }: AbortSignal): boolean {
  return aborted && (endsAllWork(reason) || reason instanceof NotOursError)
}

function sourceErrorFrom(error: unknown): unknown {
  if (!(error instanceof SalesforceError)) return error
  if (error.kind === 'not-found') {
    return new LaterError(`${error.message} The query will be run again by another job.`)
  }
  const code = error.kind === 'refused' ? 'SOURCE_QUERY_FAILED' : 'SOURCE_NOT_READABLE'
  return new SourceError(code, error.message)
}

interface QueryRunDeps {
  readonly query: string
  readonly object: string
  readonly salesforce: SourceOrg
  readonly notes: SourceNotes
  readonly calls: PlanCalls
}

/** One query job, from its creation by this attempt or an earlier one until it is deleted. */
class QueryRun {
  readonly #deps: QueryRunDeps
  #job: string | null = null
  #isRunning = true

  constructor(deps: QueryRunDeps) {
    this.#deps = deps
  }

  /** The completed job. */
  async ended(): Promise<QueryJobInfo> {
    const { notes } = this.#deps
    const known = (await notes.job())?.['id']
    this.#job = typeof known === 'string' ? known : await this.#create()
    const job = (await this.#end(this.#job)) ?? (await this.#end(await this.#create()))
    if (job === null) throw new LaterError('The query job is gone. The query will be run again.')
    if (job.state === 'JobComplete') return job
    throw endedBadly(job)
  }

  /** Deletes the job, which a running one has to be aborted for. A failure is of no consequence. */
  async discard(): Promise<void> {
    const { salesforce, calls } = this.#deps
    if (this.#job === null || !calls.isAnswered) return
    const within = AbortSignal.timeout(DISCARD_WITHIN_MS)
    try {
      if (this.#isRunning) await salesforce.query.abort(this.#job, within).catch(ignoreLate)
      await salesforce.query.remove(this.#job, within)
    } catch (error) {
      calls.log.warn(
        { err: error, queryJob: this.#job },
        'The query job was not deleted. Salesforce deletes it after 7 days.',
      )
    }
  }

  async #create(): Promise<string> {
    const { query, object, salesforce, notes, calls } = this.#deps
    const job = await calls.make((signal) => salesforce.query.create(query, signal).catch(orLater))
    this.#job = job.id
    this.#isRunning = true
    assertAbout(job, { id: job.id, object })
    // Before its results are used. Without it, a crash here leaves a job that nobody reads.
    await notes.saveJob({ id: job.id })
    calls.log.info({ queryJob: job.id }, 'Query job created.')
    return job.id
  }

  /** Polls the job until it has ended; null if Salesforce does not know it any more. */
  async #end(id: string): Promise<QueryJobInfo | null> {
    const { object, salesforce, calls } = this.#deps
    const since = calls.now()
    for (;;) {
      const job = await found(calls.make((signal) => salesforce.query.get(id, signal)))
      if (job === null) return null
      assertAbout(job, { id, object })
      if (isTerminalState(job.state)) {
        this.#isRunning = false
        return job
      }
      const age = calls.now() - since
      if (age > LONGEST_WAIT_MS) throw overdue(job)
      await calls.nap(pollInterval(age))
    }
  }
}

/** A cancelled request waits for no longer than this. */
const DISCARD_WITHIN_MS = 5000

/** The job ended before it was aborted. */
function ignoreLate(error: unknown): void {
  if (!(error instanceof SalesforceError) || error.kind !== 'job-state') throw error
}

/** The query jobs of the day are used up: this is about queries alone, and does not pause the org. */
function orLater(error: unknown): never {
  if (error instanceof SalesforceError && error.code === 'LIMIT_EXCEEDED') {
    throw new LaterError(error.message, error.retryAfterMs ?? 0)
  }
  throw error
}

async function found<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if (error instanceof SalesforceError && error.kind === 'not-found') return null
    throw error
  }
}

/** An answer about another job must not choose what is deleted. */
function assertAbout(
  told: QueryJobInfo,
  asked: { readonly id: string; readonly object: string },
): void {
  const isSame =
    told.id.slice(0, 15) === asked.id.slice(0, 15) &&
    told.object.toLowerCase() === asked.object.toLowerCase() &&
    told.operation.toLowerCase() === 'query'
  if (isSame) return
  throw new SourceError(
    'SOURCE_NOT_READABLE',
    `Salesforce was asked about query job ${asked.id} of ${asked.object} and answered about ` +
      `${told.id}, ${told.operation} of ${told.object}.`,
  )
}

function endedBadly({ id, state, errorMessage }: QueryJobInfo): SourceError {
  const why =
    state === 'Aborted'
      ? 'Somebody else aborted it.'
      : `Salesforce says: ${errorMessage ?? 'nothing about the reason'}.`
  const next =
    state === 'Aborted'
      ? 'Submit the request under another id.'
      : 'Narrow the query, and filter by an indexed field such as CreatedDate.'
  return new SourceError('SOURCE_NOT_READABLE', `Query job ${id} ended ${state}. ${why} ${next}`)
}

function overdue({ id, state }: QueryJobInfo): SourceError {
  return new SourceError(
    'SOURCE_NOT_READABLE',
    `Query job ${id} is still ${state} after a day. Narrow the query, and filter by an indexed field such as CreatedDate.`,
  )
}
