import { type Job, Worker } from 'bullmq'
import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import type { Metrics } from '../shared/metrics.ts'
import type { OrgStore } from '../shared/org-store.ts'
import type { QueueName } from '../shared/queues.ts'
import { type Context, NotOursError, ShutdownError } from './context.ts'

/**
 * BullMQ's stalled counter never resets, so that two crashes in a job's life would fail it. It is
 * set out of reach; crashes are counted in the ledger, by checkpoint.
 */
const MAX_STALLED_COUNT = 1_000_000

export type Process = (job: Job, token: string, ctx: Context) => Promise<void>

export interface QueueWorkerOptions {
  readonly store: OrgStore
  readonly queue: QueueName
  readonly concurrency: number
  readonly lockMs: number
  readonly stalledMs: number
  readonly process: Process
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: Clock
}

export interface QueueWorker {
  /** Jobs that this worker has in hand. */
  readonly active: number
  /** Takes no new job, has the running ones handed over, and waits until they are. */
  stop(): Promise<void>
}

/** One BullMQ worker. Each job gets a context whose signal says when to let go of it. */
export function startQueueWorker(options: QueueWorkerOptions): QueueWorker {
  const { store, queue, metrics, clock } = options
  const log = options.log.child({ queue })
  const stopping = new AbortController()
  const running = new Map<string, AbortController>()

  const worker = new Worker(
    queue,
    async (job, token = '') => {
      const own = new AbortController()
      const id = job.id ?? ''
      running.set(id, own)
      const signal = AbortSignal.any([stopping.signal, own.signal])
      try {
        await options.process(job, token, { log: log.child({ job: id }), clock, signal })
      } finally {
        if (running.get(id) === own) running.delete(id)
      }
    },
    {
      connection: store.redis,
      prefix: store.ledger.keys.prefix,
      concurrency: options.concurrency,
      lockDuration: options.lockMs,
      stalledInterval: options.stalledMs,
      maxStalledCount: MAX_STALLED_COUNT,
    },
  )
  worker.on('error', (error) => log.error({ err: error }, 'The queue is in trouble.'))
  worker.on('failed', (job, error) => log.error({ err: error, job: job?.id }, 'A job failed.'))
  worker.on('stalled', (job) => {
    metrics.jobRecovered({ org: store.org, queue })
    log.warn({ job }, 'A job was taken back from a worker that no longer keeps its lock.')
  })
  worker.on('lockRenewalFailed', (jobs) => {
    for (const job of jobs)
      running.get(job)?.abort(new NotOursError('The lock could not be renewed.'))
  })

  return {
    get active() {
      return running.size
    },
    stop: async () => {
      const closed = worker.close()
      stopping.abort(new ShutdownError('The worker stops.'))
      await closed
    },
  }
}
