import type { Job } from 'bullmq'
import { z } from 'zod'
import { messageOf, RefusedError } from '../shared/errors.ts'
import { LedgerReplacedError } from '../shared/ledger/connection.ts'
import { noteRequest } from '../shared/note.ts'
import { DOOR, PLAN, parseRequestJob, type QueueName } from '../shared/queues.ts'
import { parseRequest, REQUEST_ID } from '../shared/request.ts'
import { GoneError } from '../shared/submit/gone.ts'
import { pinContent } from '../shared/submit/pin-content.ts'
import { ConflictError, submit } from '../shared/submit.ts'
import { type Context, LaterError, ShutdownError } from './context.ts'
import { giveBack, handOver, putAside } from './hand-over.ts'
import { NoRoomError } from './plan/memory-gate.ts'
import { type PlannerDeps, planRequest } from './plan/planner.ts'
import { refuseUnread } from './refuse.ts'
import { settleRequest } from './settle.ts'

/** How long a job that only a newer worker understands, or that met a fault, is put aside. */
const PUT_ASIDE_MS = 10_000

/** Until a request is settled that waits for its org: each try reads its parts anew. */
const LATER_MS = 60_000

/** BullMQ's side of planning, settling and the door through which plain BullMQ jobs come in. */
export async function processRequestJob(
  job: Job,
  token: string,
  queue: QueueName,
  deps: PlannerDeps,
  ctx: Context,
): Promise<void> {
  try {
    ctx.signal.throwIfAborted()
    if (job.name === DOOR) return await enter(job, token, deps, ctx)
    const data = parseRequestJob(job.data)
    if (data === null) return await putAside(job, token, PUT_ASIDE_MS)
    switch (data.step) {
      case 'plan':
        return await planRequest(data.id, { queue, jobId: job.id ?? '', token }, deps, ctx)
      case 'settle':
        return await settleRequest(data.id, deps, ctx)
      default:
        throw new TypeError(`Unknown step ${JSON.stringify(data satisfies never)}`)
    }
  } catch (error) {
    if (error instanceof ShutdownError || error instanceof LedgerReplacedError) {
      return job.name === PLAN ? giveBack(job, token, deps.store) : handOver(job, token)
    }
    if (error instanceof NoRoomError) {
      ctx.log.warn({ job: job.id }, error.message)
      return putAside(job, token, PUT_ASIDE_MS)
    }
    if (error instanceof LaterError) {
      ctx.log.warn({ job: job.id }, error.message)
      return putAside(job, token, LATER_MS)
    }
    throw error
  }
}

/** A request that came as a BullMQ job. From the ledger on it is like any other. */
async function enter(job: Job, token: string, deps: PlannerDeps, ctx: Context): Promise<void> {
  try {
    await submitOrRefuse(job, deps, ctx)
  } catch (error) {
    if (error instanceof LedgerReplacedError) throw error
    // The caller's job options are the caller's; a failed job would be a lost request.
    ctx.log.error(
      { err: error, job: job.id },
      `A request could not be entered: ${messageOf(error)}`,
    )
    return putAside(job, token, PUT_ASIDE_MS)
  }
}

async function submitOrRefuse(job: Job, deps: PlannerDeps, ctx: Context): Promise<void> {
  try {
    const request = parseRequest(withId(job), ctx.clock.now())
    noteRequest(deps.store.org, request)
    if (request.source.type === 'upload') {
      throw new RefusedError(
        'INVALID_REQUEST',
        'source.type: an upload comes through the producer, not through the queue.',
      )
    }
    if (request.org !== deps.store.org) {
      throw new RefusedError(
        'INVALID_REQUEST',
        `org: this is the queue of ${deps.store.org}, the request is for ${request.org}.`,
      )
    }
    const { rails } = (await deps.store.ledger.rails()) ?? deps
    const meant = await pinContent(request, { roots: rails.fileRoots }, ctx.signal)
    await submit(deps.store, meant, ctx.clock.now())
  } catch (error) {
    if (error instanceof RefusedError) return await refuseUnread(withId(job), error, deps, ctx)
    if (!(error instanceof ConflictError || error instanceof GoneError)) throw error
    ctx.log.error({ job: job.id }, error.message)
  }
}

/** The job id `r-<id>` names the request where its data does not. */
function withId(job: Job): Record<string, unknown> {
  const data = z.record(z.string(), z.unknown()).safeParse(job.data).data ?? {}
  const named = job.id?.replace(/^r-/, '') ?? ''
  return 'id' in data || !REQUEST_ID.test(named) ? data : { ...data, id: named }
}
