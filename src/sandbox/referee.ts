import { type IdNumber, parseIdText } from './ids.ts'
import type { Job } from './jobs.ts'
import type {
  JobRecord,
  QueryJobRecord,
  RefereeStats,
  Violation,
  ViolationCode,
} from './referee-stats.ts'
import { IdLog, type Verdicts } from './verdicts.ts'

/** Maximum violations kept as cases; counting continues. */
const MAX_VIOLATIONS = 1_000

interface Usage {
  readonly apiRequests: number
  readonly bulkApiBatches: number
}

interface Counting {
  received: number
  readonly answered: Record<string, number>
}

/** Counts what was actually received, and records every violation. */
export class Referee {
  readonly #usage: () => Usage
  readonly #ids: Readonly<Record<Job['request']['operation'], IdLog>>
  readonly #calls = new Map<string, Counting>()
  readonly #jobs: Job[] = []
  readonly #queryJobs: QueryJobRecord[] = []
  readonly #atWork = new Set<Job>()
  readonly #unseen = new Set<Job>()
  readonly #distrusted = new Set<string>()
  #maxJobsAtWork = 0
  #maxJobsUnseen = 0
  #violationCounts: Record<string, number> = {}
  #violations: Violation[] = []
  #waiting: { check: (stats: RefereeStats) => boolean; done: (stats: RefereeStats) => void }[] = []

  constructor(verdicts: Verdicts, usage: () => Usage) {
    this.#usage = usage
    this.#ids = { delete: new IdLog(verdicts), hardDelete: new IdLog(verdicts) }
  }

  stats(): RefereeStats {
    const { delete: soft, hardDelete: hard } = this.#ids
    const jobs = this.#jobs.map(recordOf)
    return {
      calls: Object.fromEntries(this.#calls),
      ...this.#usage(),
      jobs,
      queryJobs: this.#queryJobs.map(queryRecordOf),
      jobsAtWork: this.#atWork.size,
      maxJobsAtWork: this.#maxJobsAtWork,
      maxJobsUnseen: this.#maxJobsUnseen,
      uploadedBytes: jobs.reduce((sum, job) => sum + job.uploadedBytes, 0),
      rowsReceived: jobs.reduce((sum, job) => sum + job.rows, 0),
      rowsDeleted: soft.deleted + hard.deleted,
      rowsSentAgain: soft.sentAgain + hard.sentAgain,
      deletedTwice: soft.deletedTwice + hard.deletedTwice,
      verdicts: added(soft.counts(), hard.counts()),
      missingFromResults: soft.hidden + hard.hidden,
      violationCounts: { ...this.#violationCounts },
      violations: [...this.#violations],
    }
  }

  /** Every code that an id was ever given, including `DELETED`; empty if none was. */
  verdictsOf(text: string): readonly string[] {
    const id = parseIdText(text)
    if (!id) return []
    return [...new Set([...this.#ids.delete.codesOf(id), ...this.#ids.hardDelete.codesOf(id)])]
  }

  /**
   * Resolves once the stats satisfy the check, which runs after each call and each change of a job.
   */
  until(check: (stats: RefereeStats) => boolean): Promise<RefereeStats> {
    const stats = this.stats()
    if (check(stats)) return Promise.resolve(stats)
    return new Promise((done) => this.#waiting.push({ check, done }))
  }

  received(operation: string): void {
    this.#count(operation).received++
    this.changed()
  }

  answered(operation: string, status: number | 'reset'): void {
    const { answered } = this.#count(operation)
    answered[status] = (answered[status] ?? 0) + 1
    this.changed()
  }

  violation(code: ViolationCode, detail: string): void {
    this.#violationCounts[code] = (this.#violationCounts[code] ?? 0) + 1
    if (this.#violations.length < MAX_VIOLATIONS) this.#violations.push({ code, detail })
  }

  created(job: Job): void {
    this.#jobs.push(job)
  }

  /** @param job as it changes */
  queryCreated(job: QueryJobRecord): void {
    this.#queryJobs.push(job)
  }

  closed(job: Job): void {
    this.#atWork.add(job)
    this.#unseen.add(job)
    this.#maxJobsAtWork = Math.max(this.#maxJobsAtWork, this.#atWork.size)
    this.#maxJobsUnseen = Math.max(this.#maxJobsUnseen, this.#unseen.size)
  }

  finished(job: Job): void {
    this.#atWork.delete(job)
    this.changed()
  }

  /** A client was told the job's state, or that it is gone. */
  seen(job: Job): void {
    if (job.terminal || job.gone) this.#unseen.delete(job)
  }

  /** An id arrived in a row of this job for the first time. */
  sent(job: Job, id: IdNumber): void {
    const { operation, object } = job.request
    if (!this.#ids[operation].sent(id) || this.#distrusted.has(object)) return
    this.violation('DUPLICATE_IN_RUN', `job ${job.id}: an id sent again after its final verdict`)
  }

  judged(job: Job, id: IdNumber, verdict: number): void {
    this.#ids[job.request.operation].judged(id, verdict)
  }

  /** A row without a usable id got its verdict. */
  refused(job: Job, verdict: number): void {
    this.#ids[job.request.operation].count(verdict)
  }

  /** An answer about this object was false: from now on its records may be sent again. */
  distrust(object: string): void {
    this.#distrusted.add(object)
  }

  /** Nobody can have read this id's verdict, so sending it again is allowed. */
  excuse(job: Job, id: IdNumber): void {
    this.#ids[job.request.operation].excuse(id)
  }

  changed(): void {
    if (this.#waiting.length === 0) return
    const stats = this.stats()
    const done = this.#waiting.filter(({ check }) => check(stats))
    this.#waiting = this.#waiting.filter((waiter) => !done.includes(waiter))
    for (const waiter of done) waiter.done(stats)
  }

  dispose(): void {
    this.#ids.delete.dispose()
    this.#ids.hardDelete.dispose()
  }

  #count(operation: string) {
    const known = this.#calls.get(operation)
    if (known) return known
    const fresh: Counting = { received: 0, answered: {} }
    this.#calls.set(operation, fresh)
    return fresh
  }
}

function queryRecordOf(job: QueryJobRecord): QueryJobRecord {
  const { id, object, query, state, processed, gone } = job
  return { id, object, query, state, processed, gone }
}

function recordOf(job: Job): JobRecord {
  return {
    id: job.id,
    object: job.request.object,
    operation: job.request.operation,
    state: job.state,
    uploadedBytes: job.upload?.bytes ?? 0,
    rows: job.upload?.rows ?? 0,
    processed: job.processed,
    failed: job.failed,
    createdAt: job.createdAt,
    closedAt: job.closedAt ?? null,
    finishedAt: job.finishedAt ?? null,
    errorMessage: job.errorMessage ?? null,
    gone: job.gone,
  }
}

function added(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const sum = { ...a }
  for (const [code, count] of Object.entries(b)) sum[code] = (sum[code] ?? 0) + count
  return sum
}
