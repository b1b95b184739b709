import { DelayedError, type Job, WaitingError } from 'bullmq'
import { effect } from '../../shared/base/trace.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { HAND_OVER_PRIORITY, type QueueName } from '../../shared/store/queues/queues.ts'

/** The ways to let go of a BullMQ job without an attempt spent. Each ends the processor. */

/**
 * Another worker takes the job before anything else. `moveToDelayed(now)` was tried: it put jobs
 * behind the backlog and overran the window.
 */
export async function handOver(job: Job, token: string): Promise<never> {
  await effect('order:hand-over', async () => {
    await job.changePriority({ priority: HAND_OVER_PRIORITY })
    await job.moveToWait(token)
  })
  throw new WaitingError()
}

/**
 * A job of `requests` goes back to the head of its own priority. For what begins from nothing anyway: a plan
 * that a stopping worker gave up must not overtake an urgent one.
 */
export async function giveBack(job: Job, token: string, store: OrgStore): Promise<never> {
  await effect('order:give-back', async () => {
    await job.moveToWait(token)
    await wakeWorkers(store, 'requests')
  })
  throw new WaitingError()
}

/**
 * Has an idle worker look into its queue. Where a job went back to its queue, or a place in the window
 * came free, in another way than BullMQ's own, BullMQ wakes nobody, and a worker would notice within 5 s.
 */
export async function wakeWorkers(
  { redis, queues }: Pick<OrgStore, 'redis' | 'queues'>,
  queue: QueueName,
): Promise<void> {
  await redis.zadd(queues[queue].toKey('marker'), 0, '0')
}

/** The job comes again after a while: it met a fault, or only a newer worker knows what it means. */
export async function putAside(job: Job, token: string, ms: number): Promise<never> {
  await job.moveToDelayed(Date.now() + ms, token)
  throw new DelayedError()
}
