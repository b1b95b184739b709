import { DelayedError, type Job, WaitingError } from 'bullmq'
import { effect } from '../../shared/base/trace.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { HAND_OVER_PRIORITY, type QueueName } from '../../shared/store/queues/queues.ts'

/** Ways to let go of a BullMQ job without spending an attempt. Each ends the processor. */

/**
 * Another worker takes the job before anything else. `moveToDelayed(now)` was tried: it put jobs
 * behind the backlog and exceeded the window.
 */
export async function handOver(job: Job, token: string): Promise<never> {
  await effect('order:hand-over', async () => {
    await job.changePriority({ priority: HAND_OVER_PRIORITY })
    await job.moveToWait(token)
  })
  throw new WaitingError()
}

/**
 * Returns a job of `requests` to the head of its own priority. For work that starts over anyway: a
 * plan given up by a stopping worker must not overtake an urgent one.
 */
export async function giveBack(job: Job, token: string, store: OrgStore): Promise<never> {
  await effect('order:give-back', async () => {
    await job.moveToWait(token)
    await wakeWorkers(store, 'requests')
  })
  throw new WaitingError()
}

/**
 * Wakes an idle worker to check its queue. BullMQ does this only for its own operations; if a job
 * returned to its queue or a place in the window became free otherwise, a worker would notice only
 * within 5 s.
 */
export async function wakeWorkers(
  { redis, queues }: Pick<OrgStore, 'redis' | 'queues'>,
  queue: QueueName,
): Promise<void> {
  await redis.zadd((await queues())[queue].toKey('marker'), 0, '0')
}

/** How long to leave a job that only a newer worker understands before somebody looks again. */
const LEFT_TO_NEWER_MS = 30_000

/** The job returns later: only a newer worker understands it. */
export function leaveToNewer(job: Job, token: string): Promise<never> {
  return putAside(job, token, LEFT_TO_NEWER_MS)
}

/**
 * The job returns after a delay: it met a fault, or another worker is to take it.
 *
 * @param then what to do once it is delayed
 */
export async function putAside(
  job: Job,
  token: string,
  ms: number,
  then?: () => Promise<void>,
): Promise<never> {
  await job.moveToDelayed(Date.now() + ms, token)
  await then?.()
  throw new DelayedError()
}
