import { type Job, type JobJson, UnrecoverableError, Worker } from 'bullmq'
import { RefusedError } from '../../shared/base/errors.ts'
import type { ReceiptError } from '../../shared/contract/receipt.ts'
import { REQUEST_BYTES } from '../../shared/contract/request.ts'
import { queueTelemetry } from '../../shared/store/queues/queues.ts'
import { troubleOf } from '../../shared/store/redis/trouble.ts'
import { JobsInHand, type JobsInHandOptions } from './jobs-in-hand.ts'

/**
 * BullMQ's stalled counter never resets, so two crashes in a job's life would fail it. The limit is
 * set out of reach; the ledger counts crashes by checkpoint instead.
 */
const MAX_STALLED_COUNT = 1_000_000

export interface QueueWorkerOptions extends JobsInHandOptions {
  readonly concurrency: number
  /** Takes no job until `resume` and does not check for stalled jobs; another worker does. */
  readonly beginsPaused?: boolean
  readonly lockMs: number
  readonly stalledMs: number
}

export interface QueueWorker {
  /** Number of jobs that this worker has in hand. */
  readonly active: number
  /** Stops taking jobs, has the running ones handed over, and waits until they are. */
  stop(): Promise<void>
}

interface PausableWorker extends QueueWorker {
  /** Stops taking jobs; those in hand continue. */
  pause(): Promise<void>
  resume(): Promise<void>
}

/** One BullMQ worker. Each job gets a context whose signal says when to let go of it. */
export function startQueueWorker(options: QueueWorkerOptions): PausableWorker {
  const { store, queue, metrics } = options
  const log = options.log.child({ queue })
  const hand = new JobsInHand({ ...options, log })

  const worker = new EveryJobWorker(queue, (job, token = '') => hand.run(job, token), {
    connection: store.redis,
    prefix: store.ledger.keys.prefix,
    concurrency: options.concurrency,
    lockDuration: options.lockMs,
    stalledInterval: options.stalledMs,
    maxStalledCount: MAX_STALLED_COUNT,
    autorun: options.beginsPaused !== true,
    skipStalledCheck: options.beginsPaused === true,
    ...queueTelemetry(),
  })
  worker.on('error', (error) => {
    // The connection reports outages once; otherwise each queue would report every retry.
    const isOutage = 'syscall' in error || troubleOf(error) !== null
    const advice = error.message.startsWith('WRONGTYPE') ? ' `expunge doctor` names the key.' : ''
    log[isOutage ? 'debug' : 'error']({ err: error }, `The queue is in trouble.${advice}`)
  })
  worker.on('failed', (job, error) => {
    // The refusal was already logged.
    if (error instanceof JobRefusedError) return
    log.error({ err: error, job: job?.id }, 'A job failed.')
  })
  worker.on('stalled', (job) => {
    metrics.jobRecovered({ org: store.org, queue })
    log.warn({ job }, 'A job was taken over from a worker that no longer renews its lock.')
  })
  worker.on('lockRenewalFailed', (jobs) => hand.lostLock(jobs))

  return {
    get active() {
      return hand.size
    },
    pause: () => worker.pause(true),
    resume: () => worker.resume(),
    stop: async () => {
      const closed = worker.close()
      hand.letGo()
      await closed
    },
  }
}

const hindrances = new WeakMap<Job, RefusedError>()

/** What prevents a job from being read or run; undefined for nearly all jobs. */
export const hindranceOf = (job: Job): RefusedError | undefined => hindrances.get(job)

/**
 * BullMQ's worker, except that every job reaches the processor. BullMQ fails a parent whose child
 * failed, and throws repeatedly for data that is not JSON: in 6.7, such a job is recovered as
 * stalled and throws again. Either way the request would be lost silently. Data larger than any
 * request is not parsed either: 14 MB of unknown fields kept a worker from all its jobs for 9 s,
 * nearly as long as their locks last.
 */
class EveryJobWorker extends Worker {
  protected override createJob(json: JobJson, jobId: string): Job {
    const job = this.#read(json, jobId)
    if (job.deferredFailure) {
      hindrances.set(job, childFailed(job.deferredFailure))
      job.deferredFailure = ''
    }
    return job
  }

  #read(json: JobJson, jobId: string): Job {
    // Redis may hold a job without data.
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

/** BullMQ reports the child's key here, but not the child's error. */
function childFailed(deferred: string): RefusedError {
  return new RefusedError(
    'CHILD_FAILED',
    `A child of the job has failed, and was to fail its parent: ${deferred.slice(0, 200)}.`,
  )
}

/**
 * Fails the job at once, whatever attempts its sender configured. BullMQ keeps the message as
 * `failedReason` and the stack beside it; a stack from our code would not help there.
 */
export class JobRefusedError extends UnrecoverableError {
  readonly code: string

  constructor(request: string, { code, message }: ReceiptError) {
    super(`${code}: ${sentence(message)} The receipt is under request ${request}.`)
    this.code = code
    this.stack = ''
  }
}

/** Messages about a field have no full stop; adds one. */
const sentence = (message: string): string => (message.endsWith('.') ? message : `${message}.`)
