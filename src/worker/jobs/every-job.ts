import { type Job, type JobJson, Worker } from 'bullmq'
import { RefusedError } from '../../shared/base/errors.ts'
import { REQUEST_BYTES } from '../../shared/contract/request.ts'

const hindrances = new WeakMap<Job, RefusedError>()

/** What keeps a job from being read or run; undefined for nearly all. */
export const hindranceOf = (job: Job): RefusedError | undefined => hindrances.get(job)

/**
 * BullMQ's worker, except that every job reaches the processor. BullMQ itself fails a parent whose
 * child has failed, and throws at data that is not JSON, over and over: as seen with 6.7, such a job
 * is taken back as stalled and thrown at again. Either way nobody would hear of the request. Nor is
 * data parsed that is larger than any request: 14 MB of unknown fields kept a worker from all its
 * jobs for 9 s, nearly as long as their locks last.
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
    // Redis may have a job without data.
    const bytes = Buffer.byteLength(json.data || '')
    if (bytes > REQUEST_BYTES) return this.#unread(json, jobId, tooLarge(bytes))
    try {
      return super.createJob(json, jobId)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      return this.#unread(json, jobId, "The job's data is not JSON.")
    }
  }

  #unread(json: JobJson, jobId: string, why: string): Job {
    const job = super.createJob({ ...json, data: '{}' }, jobId)
    hindrances.set(job, new RefusedError('INVALID_REQUEST', why))
    return job
  }
}

const tooLarge = (bytes: number): string =>
  `The job's data has ${bytes} bytes, more than the ${REQUEST_BYTES} of a request. More ids than 10,000 ` +
  'go by a file, or over HTTP.'

/** BullMQ names the child's key there, never what the child said. */
function childFailed(deferred: string): RefusedError {
  return new RefusedError(
    'CHILD_FAILED',
    `A child of the job has failed, and was to fail its parent: ${deferred.slice(0, 200)}.`,
  )
}
