import { type Job, type JobJson, Worker } from 'bullmq'
import { RefusedError } from '../shared/errors.ts'

const hindrances = new WeakMap<Job, RefusedError>()

/** What keeps a job from being read or run; undefined for nearly all. */
export const hindranceOf = (job: Job): RefusedError | undefined => hindrances.get(job)

/**
 * BullMQ's worker, except that every job reaches the processor. BullMQ itself fails a parent whose
 * child has failed, and throws at data that is not JSON, over and over: as seen with 6.7, such a job
 * is taken back as stalled and thrown at again. Either way nobody would hear of the request.
 */
export class EveryJobWorker extends Worker {
  protected override createJob(json: JobJson, jobId: string): Job {
    const job = this.#read(json, jobId)
    if (job.deferredFailure) {
      hindrances.set(job, childFailed(job.deferredFailure))
      job.deferredFailure = ''
    }
    return job
  }

  #read(json: JobJson, jobId: string): Job {
    try {
      return super.createJob(json, jobId)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      const job = super.createJob({ ...json, data: '{}' }, jobId)
      hindrances.set(job, new RefusedError('INVALID_REQUEST', "The job's data is not JSON."))
      return job
    }
  }
}

/** BullMQ names the child's key there, never what the child said. */
function childFailed(deferred: string): RefusedError {
  return new RefusedError(
    'CHILD_FAILED',
    `A child of the job has failed, and was to fail its parent: ${deferred.slice(0, 200)}.`,
  )
}
