import type { Job } from 'bullmq'
import { z } from 'zod'
import { writeAudit } from '../shared/audit.ts'
import { messageOf, RefusedError } from '../shared/errors.ts'
import { LedgerReplacedError } from '../shared/ledger/connection.ts'
import { noteRequest } from '../shared/note.ts'
import type { Status } from '../shared/receipt.ts'
import { type DeletionRequest, parseRequest, REQUEST_ID } from '../shared/request.ts'
import { GoneError } from '../shared/submit/gone.ts'
import { pinContent } from '../shared/submit/pin-content.ts'
import { ConflictError, submit } from '../shared/submit.ts'
import type { Context } from './context.ts'
import { putAside } from './hand-over.ts'
import type { PlannerDeps } from './plan/planner.ts'
import { refuseUnread } from './refuse.ts'

/** How long a job that met a fault is put aside. */
const PUT_ASIDE_MS = 10_000

/** The `returnvalue` of a job that came in by the door. */
export interface DoorAnswer {
  /** The id of the request. */
  readonly request: string
  /** Its status now; `conflict` and `gone` where the id is another request's, or was one's. */
  readonly status: Status | 'conflict' | 'gone'
}

/**
 * A request that came as a BullMQ job. From the ledger on it is like any other; its job has done its
 * part then, and keeps nothing but the request's id.
 */
export async function enter(
  job: Job,
  token: string,
  deps: PlannerDeps,
  ctx: Context,
): Promise<DoorAnswer> {
  try {
    const answer = (await enteredBefore(job, deps)) ?? (await submitOrRefuse(job, deps, ctx))
    // How long the job stays is in its own options, which are the caller's: no record id may stay in it.
    await job.updateData(enteredData(answer.request))
    return answer
  } catch (error) {
    ctx.signal.throwIfAborted()
    if (error instanceof LedgerReplacedError) throw error
    // The caller's job options are the caller's; a failed job would be a lost request.
    ctx.log.error(
      { err: error, job: job.id },
      `A request could not be entered: ${messageOf(error)}`,
    )
    return putAside(job, token, PUT_ASIDE_MS)
  }
}

const enteredSchema = z.strictObject({ request: z.string() })
const enteredData = (request: string): z.output<typeof enteredSchema> => ({ request })

/** A worker may die between the two steps of entering, and an operator may run an ended job again. */
async function enteredBefore(job: Job, { store }: PlannerDeps): Promise<DoorAnswer | null> {
  const entered = enteredSchema.safeParse(job.data).data
  if (entered === undefined) return null
  const record = await store.ledger.load(entered.request)
  return { request: entered.request, status: record?.status ?? 'gone' }
}

async function submitOrRefuse(job: Job, deps: PlannerDeps, ctx: Context): Promise<DoorAnswer> {
  const data = withId(job)
  try {
    const request = parsed(data, deps, ctx)
    noteRequest(deps.store.org, request)
    return await submitted(request, job, deps, ctx)
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    return refuseUnread(data, error, deps, ctx)
  }
}

function parsed(data: object, { store: { org } }: PlannerDeps, ctx: Context): DeletionRequest {
  const request = parseRequest(data, ctx.clock.now())
  if (request.source.type === 'upload') {
    throw new RefusedError(
      'INVALID_REQUEST',
      'source.type: an upload comes through the producer, not through the queue.',
    )
  }
  if (request.org !== org) {
    throw new RefusedError(
      'INVALID_REQUEST',
      `org: this is the queue of ${org}, the request is for ${request.org}.`,
    )
  }
  return request
}

async function submitted(
  request: DeletionRequest,
  job: Job,
  deps: PlannerDeps,
  ctx: Context,
): Promise<DoorAnswer> {
  const { store } = deps
  const { id, object, operation, dryRun, reason } = request
  try {
    const { rails } = (await store.ledger.rails()) ?? deps
    const places = { roots: rails.fileRoots, base: rails.fileBase }
    const meant = await pinContent(request, places, ctx.signal)
    const { record, created } = await submit(store, meant, ctx.clock.now())
    if (created) {
      const by = { door: 'bullmq', job: job.id, object, operation, dryRun }
      writeAudit(ctx.log, { action: 'submit', org: store.org, id, reason }, by)
    }
    return { request: record.request.id, status: record.status }
  } catch (error) {
    if (!(error instanceof ConflictError || error instanceof GoneError)) throw error
    ctx.log.error({ job: job.id, request: id, code: error.code }, error.message)
    return { request: id, status: error instanceof GoneError ? 'gone' : 'conflict' }
  }
}

/** The job id `r-<id>` names the request where its data does not. */
function withId(job: Job): Record<string, unknown> {
  const data = z.record(z.string(), z.unknown()).safeParse(job.data).data ?? {}
  const named = job.id?.replace(/^r-/, '') ?? ''
  return 'id' in data || !REQUEST_ID.test(named) ? data : { ...data, id: named }
}
