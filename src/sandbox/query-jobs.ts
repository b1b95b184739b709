import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import type { DeletableObject } from '../shared/contract/objects.ts'
import type { Call } from './call.ts'
import type { JobAction } from './fault-script.ts'
import type { Faults } from './faults.ts'
import { parsePatch, parseQueryRequest } from './job-request.ts'
import { knownObject } from './query-api.ts'
import { QueryJob } from './query-job.ts'
import { fieldTypes, findRecords, type RecordDeps } from './records.ts'
import type { Referee } from './referee.ts'
import { json, notFound, type Reply, refuse } from './reply.ts'
import { ResultPage } from './result-page.ts'
import { parseSoql } from './soql.ts'
import { compileWhere, nameOf } from './soql-filter.ts'

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
    return json(200, job.head(this.#deps.owner))
  }

  get(call: Call): Reply {
    return json(200, this.#find(call).view(this.#deps.owner))
  }

  list(call: Call): Reply {
    const type = call.query.get('jobType')
    const jobs = type === null || type === 'V2Query' ? [...this.#jobs.values()] : []
    const records = jobs
      .filter(({ gone }) => !gone)
      .reverse()
      .map((job) => ({ ...job.head(this.#deps.owner), jobType: 'V2Query' }))
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
    return json(200, job.head(this.#deps.owner))
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
    const page = new ResultPage(job, found, call.query, this.#deps.pageRows)
    return {
      kind: 'stream',
      status: 200,
      contentType: 'text/csv',
      chunks: page.csv(this.#deps.org),
      headers: {
        'Sforce-NumberOfRecords': String(page.rows),
        'Sforce-Locator': page.locator ?? 'null',
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

  #find({ route }: Call): QueryJob {
    const id = route.jobId ?? ''
    const job = this.#jobs.get(id.slice(0, 15))
    return job && !job.gone && (id.length === 15 || id === job.id) ? job : notFound()
  }
}
