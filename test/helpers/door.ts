import type { Job, Queue } from 'bullmq'
import { poll } from './poll.ts'

/** An id that the door has made of a job. */
export const GENERATED = /^\d{8}-\d{6}-[0-9a-z]{12}$/

/** The job as it is kept, once it has ended. */
export async function endedJob(queue: Queue, id: string | undefined): Promise<Job> {
  await poll(async () => {
    const state = await queue.getJobState(id ?? '')
    return state === 'completed' || state === 'failed' ? state : null
  })
  const job: Job | undefined = await queue.getJob(id ?? '')
  if (job === undefined) throw new Error(`expected a job ${id}`)
  return job
}
