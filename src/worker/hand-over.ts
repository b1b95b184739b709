import { DelayedError, type Job, WaitingError } from 'bullmq'
import { effect } from '../shared/effect.ts'
import { HAND_OVER_PRIORITY } from '../shared/queues.ts'

/** The two ways to let go of a BullMQ job without an attempt spent. Both end the processor. */

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

/** The job comes again after a while: it met a fault, or only a newer worker knows what it means. */
export async function putAside(job: Job, token: string, ms: number): Promise<never> {
  await job.moveToDelayed(Date.now() + ms, token)
  throw new DelayedError()
}
