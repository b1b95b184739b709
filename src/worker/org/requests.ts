import type { Job } from 'bullmq'
import { type Context, endsAllWork, LaterError } from '../../shared/base/context.ts'
import { ResultsStoreError } from '../../shared/results/results-store.ts'
import { DOOR, isNewerOrder, PLAN, parseRequestJob } from '../../shared/store/queues/queues.ts'
import { OTHER_OBJECT } from '../../shared/telemetry/metrics/events.ts'
import { settleRequest } from '../end/settle.ts'
import { giveBack, handOver, putAside } from '../jobs/hand-over.ts'
import { NoMemoryError } from '../plan/memory.ts'
import { type PlannerDeps, planRequest } from '../plan/planner.ts'
import { enter, isWakeUp } from './door/door.ts'

/** How long to put aside a job that only a newer worker understands, or that met a fault. */
const PUT_ASIDE_MS = 10_000

/**
 * Delay until settling is retried for a request that waits for its org: each try reads its parts
 * again.
 */
const LATER_MS = 60_000

/**
 * The BullMQ side of planning, settling and accepting plain BullMQ jobs.
 *
 * @returns the job's `returnvalue`: a DoorAnswer, or nothing
 */
export async function processRequestJob(
  job: Job,
  token: string,
  deps: PlannerDeps,
  ctx: Context,
): Promise<unknown> {
  try {
    ctx.signal.throwIfAborted()
    if (isWakeUp(job)) return null
    if (job.name === DOOR) return await enter(job, token, deps, ctx)
    const data = parseRequestJob(job.data)
    if (data === null && !isNewerOrder(job.data)) return await enter(job, token, deps, ctx)
    if (data === null) return await putAside(job, token, PUT_ASIDE_MS)
    const lock = { queue: 'requests', jobId: job.id ?? '', token } as const
    switch (data.step) {
      case 'plan':
        return await planRequest(data.id, lock, deps, ctx)
      case 'settle':
        return await settleRequest(data.id, deps, ctx)
      default:
        throw new TypeError(`Unknown step ${JSON.stringify(data satisfies never)}`)
    }
  } catch (error) {
    if (endsAllWork(error)) {
      return job.name === PLAN ? giveBack(job, token, deps.store) : handOver(job, token)
    }
    if (error instanceof NoMemoryError) {
      ctx.log.warn({ job: job.id }, error.message)
      return putAside(job, token, PUT_ASIDE_MS)
    }
    if (error instanceof LaterError) {
      ctx.log.warn({ job: job.id }, error.message)
      return putAside(job, token, Math.max(LATER_MS, error.afterMs))
    }
    if (error instanceof ResultsStoreError) {
      // Counted like failed steps of ingest jobs: an alert asks whether results can be written.
      deps.metrics.retried({ org: deps.store.org, object: OTHER_OBJECT, reason: 'results' })
    }
    throw error
  }
}
