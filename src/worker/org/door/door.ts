import type { Job } from 'bullmq'
import { type Context, endsAllWork } from '../../../shared/base/context.ts'
import { messageOf, RefusedError } from '../../../shared/base/errors.ts'
import { writeAudit } from '../../../shared/base/logger.ts'
import { addRequestFacts } from '../../../shared/base/trace.ts'
import { type DeletionRequest, parseRequest, toStored } from '../../../shared/contract/request.ts'
import { listsOf, pathOfList } from '../../../shared/contract/sources/lists.ts'
import { kindOf, SOURCE_TYPES, SOURCES } from '../../../shared/contract/sources/sources.ts'
import type { Status } from '../../../shared/contract/status.ts'
import { pinContent } from '../../../shared/store/intake/stage-source.ts'
import { submit } from '../../../shared/store/intake/submit.ts'
import { ConflictError, GoneError } from '../../../shared/store/intake/taken.ts'
import { DOOR, isNewerOrder } from '../../../shared/store/queues/queues.ts'
import { isFields, type JobVerdict, refuseJob } from '../../end/refuse.ts'
import { handOver, putAside } from '../../jobs/hand-over.ts'
import { generatedId, idByJob, submitterOf } from '../../jobs/job-id.ts'
import type { Process } from '../../jobs/jobs-in-hand.ts'
import { hindranceOf, JobRefusedError } from '../../jobs/queue-worker.ts'
import type { PlannerDeps } from '../../plan/planner.ts'
import { enteredBefore, markEntered } from './entered.ts'

/** How long to put aside a job that met a fault. */
const PUT_ASIDE_MS = 10_000

/** The `returnvalue` of a job that arrived through BullMQ. */
interface DoorAnswer {
  /** Id of the request, given or generated. */
  readonly request: string
  /** Its current status; `gone` if its record has expired. */
  readonly status: Status | 'gone'
}

/**
 * Accepts a request that arrived as a BullMQ job. Once in the ledger it is like any other request;
 * its job is finished and keeps only the request's id. Every foreign job ends here, with a request
 * in the ledger that records it.
 *
 * @throws JobRefusedError if the request was refused; its receipt is written
 */
export async function enter(
  job: Job,
  token: string,
  deps: PlannerDeps,
  ctx: Context,
): Promise<DoorAnswer> {
  try {
    ctx.signal.throwIfAborted()
    const { request, status, refusal } = await verdictOf(job, token, deps, ctx)
    if (refusal !== null) throw new JobRefusedError(request, refusal)
    return { request, status }
  } catch (error) {
    if (error instanceof JobRefusedError) throw error
    if (endsAllWork(error) || endsAllWork(ctx.signal.reason)) return handOver(job, token)
    ctx.signal.throwIfAborted()
    // The caller chose the job's options, so a failed job might not be retried: that would lose the
    // request.
    ctx.log.error(
      { err: error, job: job.id },
      `A request could not be accepted: ${messageOf(error)}`,
    )
    return putAside(job, token, PUT_ASIDE_MS)
  }
}

/**
 * For queues that accept nothing from outside: a job that is not one of our orders, nor a newer
 * version's, is refused.
 */
export function orRefuse(
  parse: (data: unknown) => unknown,
  deps: PlannerDeps,
  process: Process,
): Process {
  return (job, token, ctx) =>
    parse(job.data) === null && !isNewerOrder(job.data)
      ? enter(job, token, deps, ctx)
      : process(job, token, ctx)
}

async function verdictOf(
  job: Job,
  token: string,
  deps: PlannerDeps,
  ctx: Context,
): Promise<JobVerdict> {
  const before = await enteredBefore(job, deps.store)
  if (before !== null) {
    const record = await deps.store.ledger.load(before.request)
    return { ...before, status: record?.status ?? 'gone' }
  }
  const verdict = await submitOrRefuse(job, deps, ctx)
  await markEntered(job, token, verdict, deps.store)
  return verdict
}

async function submitOrRefuse(job: Job, deps: PlannerDeps, ctx: Context): Promise<JobVerdict> {
  let request: DeletionRequest | null = null
  try {
    request = requestIn(job, deps, ctx)
    addRequestFacts(deps.store.org, request)
    return await submitted(request, job, deps, ctx)
  } catch (error) {
    const isTaken = error instanceof ConflictError || error instanceof GoneError
    if (!(isTaken || error instanceof RefusedError)) throw error
    const { code, message } = error
    return refuseJob(job, request && toStored(request), { code, message }, deps, ctx)
  }
}

/** @throws RefusedError if the job is not a deletion request for this org */
function requestIn(job: Job, { store: { org } }: PlannerDeps, ctx: Context): DeletionRequest {
  assertAddressed(job)
  const hindrance = hindranceOf(job)
  if (hindrance !== undefined) throw hindrance
  assertRepeats(job)
  const request = parseRequest(withId(job), ctx.clock.now())
  const upload = listsOf(request.source).find(({ list }) => kindOf(list).takesUpload)
  if (upload !== undefined) throw uploadRefused(upload.at)
  if (request.org !== org) {
    throw new RefusedError(
      'INVALID_REQUEST',
      `org: expected ${org}, whose queue this is, got ${request.org}. Add the job to the queue of that org.`,
    )
  }
  return request
}

/** @param at the place of the list in its source */
function uploadRefused(at: string): RefusedError {
  const field = ['source', ...pathOfList(at), 'type'].join('.')
  const expected = SOURCE_TYPES.filter((type) => !SOURCES[type].takesUpload).join(', ')
  return new RefusedError(
    'INVALID_REQUEST',
    `${field}: expected one of ${expected}, got upload. Only the producer library and the HTTP API accept uploads.`,
  )
}

function assertAddressed({ queueName, name }: Job): void {
  if (queueName === 'requests' && name === DOOR) return
  const came = JSON.stringify(String(name).slice(0, 100))
  throw new RefusedError(
    'UNKNOWN_JOB',
    `Expected the job name ${JSON.stringify(DOOR)} in the queue "requests", got ${came} in "${queueName}".`,
  )
}

/**
 * Uses the job's id for the request if its data has none, and generates one if the job's id names
 * none.
 */
function withId(job: Job): unknown {
  const data: unknown = job.data
  if (!isFields(data) || 'id' in data) return data
  return { ...data, id: idByJob(job) ?? generatedId(job) }
}

async function submitted(
  request: DeletionRequest,
  job: Job,
  deps: PlannerDeps,
  ctx: Context,
): Promise<JobVerdict> {
  const { store } = deps
  const { id, object, operation, dryRun, reason } = request
  const { rails } = (await store.ledger.rails()) ?? deps
  const places = { roots: rails.fileRoots, base: rails.fileBase }
  const meant = await pinContent(request, places, ctx.signal)
  const by = { entry: generatedId(job), submittedBy: submitterOf(job) }
  const { record, created } = await submit(store, meant, ctx.clock.now(), undefined, by)
  if (created) {
    // A second delivery logs it again: the first may have crashed before this line.
    const by = { door: 'bullmq', job: job.id, object, operation, dryRun }
    writeAudit(ctx.log, { action: 'submit', org: store.org, id, reason }, by)
  } else {
    ctx.log.info({ request: id, status: record.status }, 'The request already exists.')
  }
  return { request: record.request.id, status: record.status, refusal: null }
}

/** `<name>:<id>:<end>:<time zone>:<interval>`: the keys of repeatable jobs in BullMQ up to 5.0. */
const OLD_KEY_PARTS = 5

/**
 * Refuses the repeatable jobs that Bull and BullMQ had before job schedulers. A BullMQ 6 worker
 * runs the first and drops the rest, or repeats them without their data, and nobody would notice
 * that nothing is deleted.
 *
 * @throws RefusedError for each run of such a job
 */
function assertRepeats({ opts, repeatJobKey, data }: Job): void {
  if (!('repeat' in opts) && repeatJobKey === undefined) return
  const isOld = repeatJobKey === undefined || repeatJobKey.split(':').length >= OLD_KEY_PARTS
  if (isOld || isEmpty(data)) {
    throw new RefusedError(
      'INVALID_REQUEST',
      'repeat: repeatable jobs of older BullMQ versions are not supported. Remove the job, and use ' +
        'upsertJobScheduler instead.',
    )
  }
}

const isEmpty = (data: unknown): boolean =>
  typeof data === 'object' && data !== null && Object.keys(data).length === 0

/**
 * Whether this is an entry with which BullMQ up to 3 wakes its workers for a delayed job. It is in
 * the list of jobs, but no job has this id, because counting begins at 1.
 */
export const isWakeUp = ({ id, name }: Job): boolean => id === '0' && !name
