import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import type { DeletableObject } from '../shared/contract/objects.ts'
import type { Call } from './call.ts'
import type { JobAction } from './fault-script.ts'
import type { Faults } from './faults.ts'
import { parsePatch, parseQueryRequest, type QueryRequest } from './job-request.ts'
import { timestamp } from './job-views.ts'
import { jobId } from './jobs.ts'
import { knownObject } from './query-api.ts'
import { type FoundIds, fieldOf, fieldTypes, findRecords, type RecordDeps } from './records.ts'
import type { Referee } from './referee.ts'
import type { QueryJobRecord } from './referee-stats.ts'
import { json, notFound, type Reply, refuse } from './reply.ts'
import { type Parsed, parseSoql } from './soql.ts'
import { compileWhere, nameOf } from './soql-filter.ts'

/** States of a query job: UploadComplete → InProgress → JobComplete | Failed, or Aborted. */
type QueryState = QueryJobRecord['state']

interface Asked {
  readonly soql: Parsed
  readonly columns: readonly string[]
  readonly from: DeletableObject
  readonly version: string
}

class QueryJob implements QueryJobRecord {
  readonly id: string
  readonly request: QueryRequest
  readonly soql: Parsed
  readonly columns: readonly string[]
  readonly from: DeletableObject
  readonly apiVersion: string
  readonly createdAt = Date.now()
  state: QueryState = 'UploadComplete'
  modifiedAt = this.createdAt
  startedAt: number | undefined
  errorMessage: string | undefined
  processed = 0
  found: FoundIds | undefined
  gone = false

  constructor(number: number, request: QueryRequest, { soql, columns, from, version }: Asked) {
    this.id = jobId(number)
    this.request = request
    this.soql = soql
    this.columns = columns
    this.from = from
    this.apiVersion = version
  }

  get query(): string {
    return this.request.query
  }

  get object(): string {
    return this.from.name
  }

  get terminal(): boolean {
    return this.state !== 'UploadComplete' && this.state !== 'InProgress'
  }

  enter(state: QueryState, errorMessage?: string): void {
    this.state = state
    this.modifiedAt = Date.now()
    this.errorMessage = errorMessage
    if (state === 'InProgress') this.startedAt = this.modifiedAt
  }
}

interface QueryJobsDeps extends RecordDeps {
  readonly objects: readonly DeletableObject[]
  readonly faults: Faults
  readonly referee: Referee
  readonly owner: { readonly userId: string }
  readonly settings: { readonly queueDelayMs: number; readonly strictFields: boolean }
  /** Most rows of a page. */
  readonly pageRows: number
  /** Numbers of jobs, shared with ingest jobs. */
  nextNumber(): number
}

/** Characters of one row: 18 in quotes, and a line feed. */
const ROW_BYTES = 21
const BLOCK_ROWS = 10_000
const HOLD_STEP_MS = 20

/** Query jobs of Bulk API 2.0: the endpoints under `/jobs/query`, and the jobs' processing. */
export class QueryJobs {
  readonly #deps: QueryJobsDeps
  readonly #jobs = new Map<string, QueryJob>()
  readonly #tasks = new Set<Promise<void>>()
  readonly #stop = new AbortController()

  constructor(deps: QueryJobsDeps) {
    this.#deps = deps
  }

  /** The object of a job, for matching with scripts. */
  objectOf(id: string): string | undefined {
    return this.#jobs.get(id.slice(0, 15))?.object
  }

  async create(call: Call): Promise<Reply> {
    const { objects, referee, settings, nextNumber } = this.#deps
    const body = (await call.body()).toString('utf8')
    const [request, unknownField] = parseQueryRequest(body, settings.strictFields)
    if (unknownField) referee.violation('UNKNOWN_FIELD', `queryCreate: ${unknownField}`)
    const soql = parseSoql(request.query)
    const from = knownObject(soql, objects)
    const types = fieldTypes(from.name)
    const columns = soql.columns.map((column) => nameOf(column, soql, types))
    compileWhere(soql, { types, read: () => null }, Date.now())
    const version = call.route.version ?? ''
    const job = new QueryJob(nextNumber(), request, { soql, columns, from, version })
    this.#jobs.set(job.id.slice(0, 15), job)
    referee.queryCreated(job)
    const task = this.#process(job).catch(() => {})
    this.#tasks.add(task)
    void task.finally(() => this.#tasks.delete(task))
    return json(200, this.#head(job))
  }

  get(call: Call): Reply {
    return json(200, this.#view(this.#find(call)))
  }

  list(call: Call): Reply {
    const type = call.query.get('jobType')
    const jobs = type === null || type === 'V2Query' ? [...this.#jobs.values()] : []
    const records = jobs
      .filter(({ gone }) => !gone)
      .reverse()
      .map((job) => ({ ...this.#head(job), jobType: 'V2Query' }))
    return json(200, { done: true, records, nextRecordsUrl: null })
  }

  async patch(call: Call): Promise<Reply> {
    const job = this.#find(call)
    const { settings, referee } = this.#deps
    const [state] = parsePatch((await call.body()).toString('utf8'), settings.strictFields)
    if (state !== 'Aborted') refuse(400, 'INVALIDJOBSTATE', `Changing Job to ${state} not allowed`)
    if (job.terminal) {
      const ended = job.state === 'Aborted' ? 'Aborted' : 'Completed'
      refuse(400, 'INVALIDJOBSTATE', `Aborting already ${ended} Job not allowed`)
    }
    job.enter('Aborted')
    referee.changed()
    return json(200, this.#head(job))
  }

  remove(call: Call): Reply {
    const job = this.#find(call)
    if (!job.terminal) {
      refuse(
        400,
        'API_ERROR',
        'Error encountered when deleting the job because the job is not terminated',
      )
    }
    job.gone = true
    job.found = undefined
    this.#deps.referee.changed()
    return { kind: 'empty', status: 204 }
  }

  results(call: Call): Reply {
    const job = this.#find(call)
    if (job.apiVersion !== call.route.version) {
      refuse(409, 'API_ERROR', `The job was created with API version ${job.apiVersion}`)
    }
    const { found } = job
    if (job.state !== 'JobComplete' || found === undefined) {
      this.#deps.referee.violation('RESULTS_TOO_EARLY', `query job ${job.id}: ${job.state}`)
      refuse(400, 'INVALIDJOBSTATE', `Job is not complete, its state is ${job.state}`)
    }
    const from = offsetOf(call.query.get('locator'), found.size)
    const to = Math.min(
      found.size,
      from + rowsOf(call.query.get('maxRecords'), this.#deps.pageRows),
    )
    const lineEnd = job.request.lineEnding === 'CRLF' ? '\r\n' : '\n'
    return {
      kind: 'stream',
      status: 200,
      contentType: 'text/csv',
      chunks:
        String(job.columns) === 'Id' && lineEnd === '\n'
          ? csvOfIds(found, from, to)
          : this.#csv(job, found, [from, to], lineEnd),
      headers: {
        'Sforce-NumberOfRecords': String(to - from),
        'Sforce-Locator': to < found.size ? locatorOf(to) : 'null',
      },
    }
  }

  async idle(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.idle()
  }

  async #process(job: QueryJob): Promise<void> {
    const { faults, referee, settings } = this.#deps
    await delay(settings.queueDelayMs, undefined, { signal: this.#stop.signal })
    if (job.terminal) return
    job.enter('InProgress')
    referee.changed()
    const actions = faults.forJob('queryJob', { job: job.id, object: job.object })
    const deleted = job.request.operation === 'queryAll'
    const search = findRecords(job.soql, job.from, this.#deps, { deleted, now: Date.now() })
    for (;;) {
      const step = search.next()
      job.processed = step.done ? step.value.size : step.value
      await this.#applyDue(job, actions, step.done === true)
      if (job.state !== 'InProgress' || this.#stop.signal.aborted) return
      if (step.done) {
        job.found = step.value
        job.enter('JobComplete')
        return referee.changed()
      }
      await turn()
    }
  }

  async #applyDue(job: QueryJob, actions: JobAction[], isEnd: boolean): Promise<void> {
    while (actions[0] && (isEnd || (actions[0].afterRows ?? 0) <= job.processed)) {
      const action = actions.shift()
      if (action === undefined || job.state !== 'InProgress') return
      await this.#apply(job, action)
    }
  }

  async #apply(job: QueryJob, action: JobAction): Promise<void> {
    switch (action.do) {
      case 'fail': {
        const message = action.message ?? 'scripted by the sandbox'
        job.enter('Failed', `${action.code} : ${message}`)
        return this.#deps.referee.changed()
      }
      case 'vanish':
        job.enter('Aborted')
        job.gone = true
        return this.#deps.referee.changed()
      case 'hold': {
        const until = Date.now() + (action.ms ?? Number.POSITIVE_INFINITY)
        const { faults } = this.#deps
        while (job.state === 'InProgress' && faults.isActive(action) && Date.now() < until) {
          await delay(HOLD_STEP_MS, undefined, { signal: this.#stop.signal })
        }
        return
      }
      default:
        throw new TypeError(`Unknown action ${JSON.stringify(action satisfies never)}`)
    }
  }

  async *#csv(
    { columns, startedAt = 0 }: QueryJob,
    found: FoundIds,
    [from, to]: readonly [number, number],
    lineEnd: string,
  ): AsyncGenerator<Uint8Array> {
    const line = (values: readonly unknown[]) =>
      Buffer.from(values.map((value) => `"${value ?? ''}"`).join(',') + lineEnd)
    yield line(columns)
    for (let at = from; at < to; at++) {
      const id = found.id18(at)
      const isDeleted = this.#deps.org.find(found.at(at)) === 'recycled'
      yield line(columns.map((name) => fieldOf(id, name, isDeleted, startedAt)))
    }
  }

  #find({ route }: Call): QueryJob {
    const id = route.jobId ?? ''
    const job = this.#jobs.get(id.slice(0, 15))
    return job && !job.gone && (id.length === 15 || id === job.id) ? job : notFound()
  }

  #head(job: QueryJob): object {
    const { request } = job
    return {
      id: job.id,
      operation: request.operation,
      object: job.object,
      createdById: this.#deps.owner.userId,
      createdDate: timestamp(job.createdAt),
      systemModstamp: timestamp(job.modifiedAt),
      state: job.state,
      concurrencyMode: 'Parallel',
      contentType: 'CSV',
      apiVersion: Number(job.apiVersion),
      lineEnding: request.lineEnding,
      columnDelimiter: 'COMMA',
    }
  }

  #view(job: QueryJob): object {
    const elapsed = job.startedAt === undefined ? 0 : job.modifiedAt - job.startedAt
    return {
      ...this.#head(job),
      jobType: 'V2Query',
      numberRecordsProcessed: job.processed,
      retries: 0,
      totalProcessingTime: elapsed,
      isPkChunkingSupported: true,
      ...(job.state === 'Failed' && { errorMessage: job.errorMessage ?? '' }),
    }
  }
}

/** Opaque to clients. */
const locatorOf = (offset: number) => Buffer.from(String(offset)).toString('base64url')

function offsetOf(locator: string | null, size: number): number {
  if (locator === null) return 0
  const offset = Number(Buffer.from(locator, 'base64url').toString('latin1') || 'none')
  if (Number.isSafeInteger(offset) && offset > 0 && offset < size) return offset
  return refuse(400, 'INVALID_QUERY_LOCATOR', `invalid query locator: ${locator}`)
}

function rowsOf(maxRecords: string | null, most: number): number {
  const rows = maxRecords === null ? most : Number(maxRecords)
  if (Number.isSafeInteger(rows) && rows > 0) return Math.min(rows, most)
  return refuse(400, 'API_ERROR', `maxRecords: expected a number above 0, got ${maxRecords}`)
}

const QUOTE = 34
const LF = 10

/** One column of ids, by the million. */
async function* csvOfIds(found: FoundIds, from: number, to: number): AsyncGenerator<Uint8Array> {
  yield Buffer.from('"Id"\n')
  for (let at = from; at < to; at += BLOCK_ROWS) {
    const rows = Math.min(BLOCK_ROWS, to - at)
    const bytes = Buffer.alloc(rows * ROW_BYTES, QUOTE)
    for (let n = 0; n < rows; n++) {
      found.write(at + n, bytes, n * ROW_BYTES + 1)
      bytes[(n + 1) * ROW_BYTES - 1] = LF
    }
    yield bytes
    await turn()
  }
}
