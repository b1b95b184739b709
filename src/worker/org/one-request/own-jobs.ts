import { randomUUID } from 'node:crypto'
import type { Job } from 'bullmq'
import { systemClock } from '../../../shared/base/clock.ts'
import type { Context } from '../../../shared/base/context.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import { isLetGo, JobsInHand, type JobsInHandOptions } from '../../jobs/jobs-in-hand.ts'
import { startLoop } from '../../jobs/loop.ts'
import type { QueueWorker } from '../../jobs/queue-worker.ts'
import { takeJobs } from './take-jobs.ts'

export interface OwnJobsOptions extends JobsInHandOptions {
  readonly concurrency: number
  readonly lockMs: number
  /** Names of the jobs that may be taken; those that are not there are passed over. */
  readonly names: () => Promise<readonly string[]>
}

/** How soon a job is noticed that was ordered since, or has become due. In real time, as locks are. */
const LOOK_MS = 100

/**
 * Works on named jobs of a queue, and on no other: whoever else works on the queue, or will, finds
 * its line as it was. BullMQ's own worker takes what is first in line, whatever that is.
 */
export function startOwnJobs(options: OwnJobsOptions, ctx: Context): QueueWorker {
  const { store, queue, concurrency, lockMs, names, metrics } = options
  const log = options.log.child({ queue })
  const hand = new JobsInHand({ ...options, log })
  const working = new Set<Promise<void>>()

  const look = async () => {
    const free = concurrency - working.size
    if (free < 1) return
    const token = randomUUID()
    const ids = (await names()).filter((id) => !hand.has(id))
    for (const { id, wasLeft } of await takeJobs(store, {
      queue,
      token,
      lockMs,
      most: free,
      ids,
    })) {
      if (wasLeft) metrics.jobRecovered({ org: store.org, queue })
      const work = begin(id, token)
      working.add(work)
      void work.finally(() => working.delete(work))
    }
  }
  const begin = async (id: string, token: string) => {
    try {
      const job: Job | undefined = await store.queues[queue].getJob(id)
      if (job !== undefined) await finish(job, token)
    } catch (error) {
      // Without a lock that is renewed it is taken again, by whoever comes first.
      log.debug({ err: error, job: id }, 'A job could not be ended.')
    }
  }
  const finish = async (job: Job, token: string) => {
    const renewing = new AbortController()
    const renewed = keepLock(job, token, renewing.signal)
    try {
      const end = await hand.run(job, token).then(completed, failed)
      await end?.(job, token)
    } finally {
      renewing.abort()
      await renewed
      // Others may wait for a place in the window, and BullMQ wakes nobody for it.
      await store.redis.zadd(store.queues[queue].toKey('marker'), 0, '0')
    }
  }
  const completed = (value: unknown) => async (job: Job, token: string) => {
    await job.moveToCompleted(value ?? null, token, false)
  }
  const failed = (error: unknown) =>
    isLetGo(error)
      ? null
      : async (job: Job, token: string) => {
          await job.moveToFailed(asError(error), token, false)
          log.error({ err: error, job: job.id }, 'A job failed.')
        }
  const keepLock = async (job: Job, token: string, signal: AbortSignal) => {
    for (;;) {
      await systemClock.sleep(lockMs / 2, signal).catch(() => {})
      if (signal.aborted) return
      const isKept = await job.extendLock(token, lockMs).catch(() => 1)
      if (isKept !== 1) return hand.lostLock([job.id ?? ''])
    }
  }

  // In an outage of Redis each look fails; the connection tells of it, once.
  const onError = (err: unknown) => log.debug({ err }, 'The queue could not be looked at.')
  const loop = startLoop({ ...ctx, clock: systemClock }, { everyMs: LOOK_MS, onError }, look)
  return {
    get active() {
      return working.size
    },
    stop: async () => {
      loop.stop()
      hand.letGo()
      await loop.ended
      await Promise.all(working)
    },
  }
}

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new Error(messageOf(error))
