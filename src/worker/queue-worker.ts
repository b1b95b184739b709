import { DelayedError, type Job, WaitingError, Worker } from 'bullmq'
import type { Clock } from '../shared/clock.ts'
import { codeOrNameOf } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'
import type { Metrics } from '../shared/metrics.ts'
import { note } from '../shared/note.ts'
import type { OrgStore } from '../shared/org-store.ts'
import { queueTelemetry } from '../shared/queue-telemetry.ts'
import type { QueueName } from '../shared/queues.ts'
import { troubleOf } from '../shared/redis/trouble.ts'
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
  /** Takes nothing until `resume`, and looks for nobody's stalled jobs: another worker does. */
  readonly beginsPaused?: boolean
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

export interface PausableWorker extends QueueWorker {
  /** Takes no new job; those in hand go on. */
  pause(): Promise<void>
  resume(): Promise<void>
}

/** One BullMQ worker. Each job gets a context whose signal says when to let go of it. */
export function startQueueWorker(options: QueueWorkerOptions): PausableWorker {
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
      } catch (error) {
        if (error instanceof NotOursError) metrics.lockLost({ org: store.org, queue })
        if (!isLetGo(error)) note({ error: codeOrNameOf(error) })
        throw error
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
      autorun: options.beginsPaused !== true,
      skipStalledCheck: options.beginsPaused === true,
      ...queueTelemetry(),
    },
  )
  worker.on('error', (error) => {
    // The connection tells of outages, once; each queue on it would tell of every try.
    const isOutage = 'syscall' in error || troubleOf(error) !== null
    log[isOutage ? 'debug' : 'error']({ err: error }, 'The queue is in trouble.')
  })
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
    pause: () => worker.pause(true),
    resume: () => worker.resume(),
    stop: async () => {
      const closed = worker.close()
      stopping.abort(new ShutdownError('The worker stops.'))
      await closed
    },
  }
}

/** By these BullMQ is told that the job comes again: nothing has gone wrong. */
const isLetGo = (error: unknown): boolean =>
  error instanceof WaitingError || error instanceof DelayedError
