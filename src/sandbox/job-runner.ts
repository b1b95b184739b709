import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import type { DeletableObject } from '../shared/contract/objects.ts'
import type { JobAction } from './fault-script.ts'
import type { Faults } from './faults.ts'
import { DELIMITERS, type JobRequest } from './job-request.ts'
import type { Job, Jobs } from './jobs.ts'
import type { Org } from './org.ts'
import type { Referee } from './referee.ts'
import { RowEngine } from './row-engine.ts'
import type { Quota, Rate } from './settings.ts'
import { BlockReader, type Upload } from './upload.ts'

type JobRunnerDeps = Omit<ProcessingDeps, 'prefixOf' | 'vanish' | 'signal'> & {
  readonly jobs: Jobs
  readonly objects: readonly DeletableObject[]
}

/** Background processing: each job runs in its own task. */
export class JobRunner {
  readonly #deps: ProcessingDeps
  readonly #tasks = new Set<Promise<void>>()
  readonly #stop = new AbortController()

  constructor({ jobs, objects, ...deps }: JobRunnerDeps) {
    this.#deps = {
      ...deps,
      signal: this.#stop.signal,
      prefixOf: (object) => objects.find(({ name }) => name === object)?.prefix ?? '',
      vanish: async (job) => {
        await jobs.remove(job)
        deps.referee.finished(job)
      },
    }
  }

  /** Takes a closed job to its terminal state. */
  process(job: Job): void {
    this.#track(job, processJob(job, this.#deps))
  }

  /** Aborts: what was deleted stays deleted, the rest is unprocessed. */
  abort(job: Job): void {
    const neverClosed = job.state === 'Open'
    finish(job, 'Aborted', this.#deps)
    // A closed job's own task notices the abort and inspects the remaining rows.
    if (neverClosed) this.#track(job, inspectUpload(job, this.#deps))
  }

  /** Resolves when nothing is being processed. */
  async idle(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.idle()
  }

  #track(job: Job, task: Promise<void>): void {
    const done = task.catch((error: unknown) => this.#broken(job, error))
    const tracked = done.finally(() => this.#tasks.delete(tracked))
    this.#tasks.add(tracked)
  }

  /** A job whose task failed must not look as if it were still running. */
  #broken(job: Job, error: unknown): void {
    if (this.#stop.signal.aborted || job.gone || job.terminal) return
    finish(job, 'Failed', this.#deps, `Unknown : the sandbox failed: ${error}`)
  }
}

interface ProcessingDeps {
  readonly org: Org
  readonly referee: Referee
  readonly faults: Faults
  readonly quota: Quota
  readonly rate: Rate
  readonly settings: { readonly queueDelayMs: number }
  readonly prefixOf: (object: string) => string
  readonly vanish: (job: Job) => Promise<void>
  readonly signal: AbortSignal
}

/** Takes one closed job to its terminal state. */
async function processJob(job: Job, deps: ProcessingDeps): Promise<void> {
  await delay(deps.settings.queueDelayMs, undefined, { signal: deps.signal })
  if (job.gone) return
  const { upload } = job
  const startable = job.state === 'UploadComplete'
  if (startable) {
    job.enter('InProgress')
    deps.referee.changed()
  }
  const actions = startable
    ? deps.faults.forJob('job', { job: job.id, object: job.request.object })
    : []
  if (upload && upload.rows > 0 && isReadable(job, upload, deps)) {
    await processRows(job, upload, actions, deps)
  } else {
    for (const action of actions) if (isRunning(job)) await applyFault(job, action, deps)
  }
  if (isRunning(job) && !deps.signal.aborted) finish(job, 'JobComplete', deps)
}

/** Lets the referee inspect an upload that was aborted before it was closed. */
async function inspectUpload(job: Job, deps: ProcessingDeps): Promise<void> {
  if (job.upload) await processRows(job, job.upload, [], deps)
}

function finish(
  job: Job,
  state: 'JobComplete' | 'Failed' | 'Aborted',
  { referee }: Pick<ProcessingDeps, 'referee'>,
  errorMessage?: string,
): void {
  job.errorMessage = errorMessage
  job.enter(state)
  referee.finished(job)
}

/** Checks that reject an upload as a whole, made when its processing begins. */
function isReadable(job: Job, upload: Upload, deps: ProcessingDeps): boolean {
  const { lineEnding } = job.request
  const problem = upload.lineEndingIsRight
    ? headerProblem(upload.header, job.request)
    : `ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is ${lineEnding}`
  if (problem === undefined) return true
  if (job.state === 'InProgress') {
    job.rejectedWhole = true
    finish(job, 'Failed', deps, problem)
  }
  return false
}

/** Reads all rows: processes them while the job is InProgress, and only inspects the rest. */
async function processRows(job: Job, upload: Upload, actions: JobAction[], deps: ProcessingDeps) {
  const reader = await BlockReader.open(upload)
  const engine = new RowEngine(job, deps.prefixOf(job.request.object), deps.org, deps.referee)
  try {
    for (let block = 0; block < reader.blocks && !deps.signal.aborted; block++) {
      await reader.read(block)
      if (isRunning(job) && !deps.quota.bulkApiBatches.take()) {
        finish(job, 'Failed', deps, 'ExceededQuota : Daily batch limit exceeded')
      }
      await processBlock(job, reader, engine, actions, deps)
    }
    for (const action of actions.splice(0)) if (isRunning(job)) await applyFault(job, action, deps)
    if (job.gone) await excuseAll(reader, engine, deps.signal)
  } finally {
    engine.dispose()
    await reader.close()
  }
}

async function processBlock(
  job: Job,
  reader: BlockReader,
  engine: RowEngine,
  actions: JobAction[],
  deps: ProcessingDeps,
) {
  let row = 0
  while (row < reader.rows && isRunning(job)) {
    const due = (actions[0]?.afterRows ?? 0) - reader.firstRow
    if (actions[0] && due <= row) {
      await applyFault(job, actions[0], deps)
      actions.shift()
      continue
    }
    const to = Math.min(row + deps.rate.turn, reader.rows, actions[0] ? due : reader.rows)
    await deps.rate.take(to - row, deps.signal)
    if (!isRunning(job)) break
    const began = performance.now()
    engine.process(reader, row, to)
    job.activeMs += performance.now() - began
    job.touch()
    deps.referee.changed()
    row = to
  }
  engine.inspect(reader, row, reader.rows)
  // Lets other calls, such as polls, run in between.
  await turn()
}

async function applyFault(job: Job, action: JobAction, deps: ProcessingDeps): Promise<void> {
  switch (action.do) {
    case 'fail':
      finish(job, 'Failed', deps, jobError(action))
      return
    case 'hold':
      await hold(job, action, deps)
      return
    case 'vanish':
      await deps.vanish(job)
      return
    default:
      throw new TypeError(`Unknown action ${JSON.stringify(action satisfies never)}`)
  }
}

/** Messages that orgs give in the `errorMessage` of a Failed job, by code. */
const JOB_ERRORS: Readonly<Record<string, string>> = {
  // Recorded answers contain the prefix twice.
  InvalidBatch: 'InvalidBatch : Field name not found : Id',
  InternalServerError: 'Retried more than 20 times',
}

function jobError({ code, message }: Extract<JobAction, { do: 'fail' }>): string {
  return `${code} : ${message ?? JOB_ERRORS[code] ?? 'scripted by the sandbox'}`
}

type Hold = Extract<JobAction, { do: 'hold' }>

/** How soon a held job notices an abort, or that its script was removed. */
const HOLD_STEP_MS = 20

async function hold(job: Job, action: Hold, { faults, signal }: ProcessingDeps): Promise<void> {
  const until = Date.now() + (action.ms ?? Number.POSITIVE_INFINITY)
  while (isRunning(job) && faults.isActive(action) && Date.now() < until) {
    await delay(Math.min(HOLD_STEP_MS, until - Date.now()), undefined, { signal })
  }
}

async function excuseAll(reader: BlockReader, engine: RowEngine, signal: AbortSignal) {
  for (let block = 0; block < reader.blocks && !signal.aborted; block++) {
    await reader.read(block)
    engine.excuse(reader)
    await turn()
  }
}

const isRunning = (job: Job) => job.state === 'InProgress' && !job.gone

/**
 * Why Salesforce rejects an upload with this first line, in the words of a Failed job's
 * errorMessage: a delete takes one column, Id, in any case. Undefined if nothing is wrong.
 */
function headerProblem(header: string, request: JobRequest): string | undefined {
  const columns = columnsOf(header, DELIMITERS[request.columnDelimiter])
  const isId = (column: string) => column.toLowerCase() === 'id'
  const stranger = columns.find((column) => !isId(column))
  if (!columns.some(isId)) return `InvalidBatch : Field name not found : ${stranger}`
  if (columns.length === 1) return undefined
  return `InvalidBatch : The '${request.operation}' batch must contain only ids`
}

function columnsOf(header: string, delimiter: string): string[] {
  return header.split(delimiter).map((column) => column.replace(/^"(.*)"$/, '$1'))
}
