import { queueTelemetry } from '../../shared/store/queues/queues.ts'
import { troubleOf } from '../../shared/store/redis/trouble.ts'
import { EveryJobWorker } from './every-job.ts'
import { JobRefusedError } from './job-refused.ts'
import { JobsInHand, type JobsInHandOptions } from './jobs-in-hand.ts'

/**
 * BullMQ's stalled counter never resets, so that two crashes in a job's life would fail it. It is
 * set out of reach; crashes are counted in the ledger, by checkpoint.
 */
const MAX_STALLED_COUNT = 1_000_000

export interface QueueWorkerOptions extends JobsInHandOptions {
  readonly concurrency: number
  /** Takes nothing until `resume`, and looks for nobody's stalled jobs: another worker does. */
  readonly beginsPaused?: boolean
  readonly lockMs: number
  readonly stalledMs: number
}

export interface QueueWorker {
  /** Jobs that this worker has in hand. */
  readonly active: number
  /** Takes no new job, has the running ones handed over, and waits until they are. */
  stop(): Promise<void>
}

interface PausableWorker extends QueueWorker {
  /** Takes no new job; those in hand go on. */
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
    // The connection tells of outages, once; each queue on it would tell of every try.
    const isOutage = 'syscall' in error || troubleOf(error) !== null
    const advice = error.message.startsWith('WRONGTYPE') ? ' `expunge doctor` names the key.' : ''
    log[isOutage ? 'debug' : 'error']({ err: error }, `The queue is in trouble.${advice}`)
  })
  worker.on('failed', (job, error) => {
    // Whoever refused it has said so.
    if (error instanceof JobRefusedError) return
    log.error({ err: error, job: job?.id }, 'A job failed.')
  })
  worker.on('stalled', (job) => {
    metrics.jobRecovered({ org: store.org, queue })
    log.warn({ job }, 'A job was taken back from a worker that no longer keeps its lock.')
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
