import type { DeletableObject } from '../shared/contract/objects.ts'
import type { Call } from './call.ts'
import type { ResultKind } from './fault-script.ts'
import { parseJobRequest, parseMultipart, parsePatch } from './job-request.ts'
import type { JobRunner } from './job-runner.ts'
import { jobView } from './job-views.ts'
import { JOB_STATES, type Job, type Jobs } from './jobs.ts'
import type { Referee } from './referee.ts'
import { json, notFound, type Reply, refuse } from './reply.ts'
import { resultFile } from './results.ts'
import type { SandboxSettings } from './settings.ts'
import type { Uploads } from './uploads.ts'
import type { Verdicts } from './verdicts.ts'

interface IngestDeps {
  readonly jobs: Jobs
  readonly referee: Referee
  readonly verdicts: Verdicts
  readonly uploads: Uploads
  readonly owner: Parameters<typeof jobView.get>[1]
  readonly runner: JobRunner
  readonly objects: readonly DeletableObject[]
  readonly settings: Pick<SandboxSettings, 'shuffleResults' | 'allowHardDelete' | 'strictFields'>
}

const NOT_TERMINATED = 'Error encountered when deleting the job because the job is not terminated'

/** The endpoints under `/jobs/ingest`, one method each. */
export class IngestApi {
  readonly #deps: IngestDeps

  constructor(deps: IngestDeps) {
    this.#deps = deps
  }

  async create(call: Call): Promise<Reply> {
    const { referee, owner } = this.#deps
    const type = call.request.headers['content-type'] ?? ''
    if (type.startsWith('multipart/form-data')) return this.#createWithContent(call, type)
    if (!type.startsWith('application/json')) {
      referee.violation('WRONG_CONTENT_TYPE', `create: expected application/json, got "${type}"`)
      refuse(415, 'UNSUPPORTED_MEDIA_TYPE', `Content-Type ${type} is not supported`)
    }
    const job = this.#newJob((await call.body()).toString('utf8'), call)
    return json(200, jobView.create(job, owner))
  }

  async upload(call: Call): Promise<Reply> {
    await this.#deps.uploads.receive(this.#find(call), call)
    return { kind: 'empty', status: 201 }
  }

  /** PATCH: closes, aborts, or refuses any other state. */
  async patch(call: Call): Promise<Reply> {
    const job = this.#find(call)
    const { strictFields } = this.#deps.settings
    const body = (await call.body()).toString('utf8')
    const [state, unknownField] = parsePatch(body, strictFields)
    const { referee } = this.#deps
    if (unknownField) referee.violation('UNKNOWN_FIELD', `job ${job.id}: ${unknownField}`)
    if (state === 'UploadComplete') this.#close(job)
    else if (state === 'Aborted') this.#abort(job)
    else this.#refuseState(job, state)
    referee.seen(job)
    return json(200, jobView.patch(job, this.#deps.owner))
  }

  get(call: Call): Reply {
    const job = this.#find(call)
    this.#deps.referee.seen(job)
    return json(200, jobView.get(job, this.#deps.owner))
  }

  list(call: Call): Reply {
    const type = call.query.get('jobType')
    const locator = call.query.get('queryLocator')
    const offset = locator === null ? 0 : Number(locator.split('-')[1])
    if (!Number.isSafeInteger(offset)) refuse(400, 'INVALID_QUERY_LOCATOR', 'invalid query locator')
    // Classic and big object jobs exist in real orgs, but never in this one.
    const others = type !== null && type !== 'V2Ingest'
    const { jobs, next } = others ? { jobs: [], next: undefined } : this.#deps.jobs.page(offset)
    const base = `/services/data/v${call.route.version}/jobs/ingest`
    return json(200, {
      done: next === undefined,
      records: jobs.map((job) => jobView.list(job, this.#deps.owner)),
      nextRecordsUrl: next === undefined ? null : `${base}?queryLocator=01gR0000000opRTIAY-${next}`,
    })
  }

  async remove(call: Call): Promise<Reply> {
    const { jobs, referee } = this.#deps
    const job = this.#find(call)
    if (job.state === 'Open' || job.state === 'InProgress') {
      refuse(400, 'API_ERROR', NOT_TERMINATED)
    }
    await jobs.remove(job)
    referee.finished(job)
    referee.seen(job)
    return { kind: 'empty', status: 204 }
  }

  results(call: Call, kind: ResultKind): Reply {
    const { referee, settings, verdicts } = this.#deps
    const job = this.#find(call)
    if (!job.terminal) {
      referee.violation('RESULTS_TOO_EARLY', `job ${job.id}: ${kind} while ${job.state}`)
      refuse(400, 'INVALIDJOBSTATE', 'Job is not complete')
    }
    const chunks = resultFile(job, kind, { shuffle: settings.shuffleResults, verdicts })
    return { kind: 'stream', status: 200, contentType: 'text/csv', chunks }
  }

  async #createWithContent(call: Call, type: string): Promise<Reply> {
    const { job: body, csv } = parseMultipart(await call.body(), type)
    const job = this.#newJob(body, call)
    await this.#deps.uploads.store(job, csv)
    this.#close(job)
    return json(200, jobView.create(job, this.#deps.owner))
  }

  #newJob(body: string, call: Call): Job {
    const { jobs, referee, objects, settings } = this.#deps
    const [request, unknownField] = parseJobRequest(body, { objects, ...settings })
    if (unknownField) referee.violation('UNKNOWN_FIELD', `create: ${unknownField}`)
    const job = jobs.create(request, call.route.version ?? '')
    referee.created(job)
    return job
  }

  #close(job: Job): void {
    const { referee } = this.#deps
    if (job.state !== 'Open') {
      referee.violation('ILLEGAL_TRANSITION', `job ${job.id}: close while ${job.state}`)
      refuse(400, 'INVALIDJOBSTATE', `Closing already ${ended(job)} Job not allowed`)
    }
    if (job.content.kind === 'receiving') {
      referee.violation('ILLEGAL_TRANSITION', `job ${job.id}: close while its upload runs`)
      refuse(400, 'INVALIDJOBSTATE', 'Closing Job while its upload runs not allowed')
    }
    if (job.content.kind === 'none') referee.violation('CLOSED_WITHOUT_UPLOAD', `job ${job.id}`)
    job.enter('UploadComplete')
    referee.closed(job)
    this.#deps.runner.process(job)
  }

  #abort(job: Job): void {
    // Not a violation: a job may complete while a client decides to abort it.
    if (job.terminal)
      refuse(400, 'INVALIDJOBSTATE', `Aborting already ${ended(job)} Job not allowed`)
    this.#deps.runner.abort(job)
  }

  #refuseState(job: Job, state: string): never {
    const known = JOB_STATES.some((one) => one === state)
    this.#deps.referee.violation(
      known ? 'ILLEGAL_TRANSITION' : 'UNKNOWN_STATE',
      `job ${job.id}: state ${JSON.stringify(state)}`,
    )
    if (known) refuse(400, 'INVALIDJOBSTATE', `Changing Job to ${state} not allowed`)
    refuse(400, 'JSON_PARSER_ERROR', `Unknown state ${JSON.stringify(state)}`)
  }

  #find(call: Call): Job {
    const job = this.#deps.jobs.find(call.route.jobId ?? '')
    if (job && !job.gone) return job
    if (job) this.#deps.referee.seen(job)
    notFound()
  }
}

function ended(job: Job): string {
  if (job.state === 'Aborted') return 'Aborted'
  return job.terminal ? 'Completed' : 'Closed'
}
