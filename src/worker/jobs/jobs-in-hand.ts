import { DelayedError, type Job, WaitingError } from 'bullmq'
import type { Clock } from '../../shared/base/clock.ts'
import { type Context, NotOursError, ShutdownError } from '../../shared/base/context.ts'
import { codeOrNameOf } from '../../shared/base/errors.ts'
import type { Logger } from '../../shared/base/logger.ts'
import { addFacts } from '../../shared/base/trace.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import type { QueueName } from '../../shared/store/queues/queues.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'

export type Process = (job: Job, token: string, ctx: Context) => Promise<unknown>

export interface JobsInHandOptions {
  readonly store: OrgStore
  readonly queue: QueueName
  readonly process: Process
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: Clock
}

/** The jobs of one queue that this process works on. Each has a signal that says when to let go. */
export class JobsInHand {
  readonly #options: JobsInHandOptions
  readonly #stopping = new AbortController()
  readonly #running = new Map<string, AbortController>()

  constructor(options: JobsInHandOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#running.size
  }

  async run(job: Job, token: string): Promise<unknown> {
    const { store, queue, process, metrics, log, clock } = this.#options
    const own = new AbortController()
    const id = job.id ?? ''
    this.#running.set(id, own)
    const signal = AbortSignal.any([this.#stopping.signal, own.signal])
    try {
      return await process(job, token, { log: log.child({ job: id }), clock, signal })
    } catch (error) {
      if (error instanceof NotOursError) metrics.lockLost({ org: store.org, queue })
      if (!isLetGo(error)) addFacts({ error: codeOrNameOf(error) })
      throw error
    } finally {
      if (this.#running.get(id) === own) this.#running.delete(id)
    }
  }

  has(id: string): boolean {
    return this.#running.has(id)
  }

  /** The locks were lost; another worker may have these jobs. */
  lostLock(ids: readonly string[]): void {
    const reason = new NotOursError('The lock could not be renewed.')
    for (const id of ids) this.#running.get(id)?.abort(reason)
  }

  /** Has all jobs handed over; jobs that begin later are told at once. */
  letGo(): void {
    this.#stopping.abort(new ShutdownError('The worker stops.'))
  }
}

/** Errors by which BullMQ learns that the job returns later: nothing has failed. */
export const isLetGo = (error: unknown): boolean =>
  error instanceof WaitingError || error instanceof DelayedError
