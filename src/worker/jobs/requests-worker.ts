import type { Job } from 'bullmq'
import {
  HAND_OVER_PRIORITY,
  HIGH_PRIORITY,
  PLAN,
  SETTLE_PRIORITY,
} from '../../shared/store/queues/queues.ts'
import { giveBack } from './hand-over.ts'
import { type QueueWorker, type QueueWorkerOptions, startQueueWorker } from './queue-worker.ts'

/**
 * Works on `requests`. Plans of millions of ids take long, and a worker runs a limited number at
 * once. An urgent request must not wait behind them, nor must the work that frees memory and
 * answers callers: settling, cancelling and accepting jobs. So one plan slot is reserved for
 * requests of priority `high`, and one more slot is always reserved for everything except plans.
 *
 * BullMQ hands out the first job in the queue and offers no choice. So the reserved slots take
 * nothing while the other slots are free. Once those are all busy, the reserved slots check whether
 * something urgent waits, and only then take a job. If the job is not urgent, because another
 * worker was faster, it is returned to its place.
 *
 * A separate queue for urgent work would fail while workers of an earlier version run beside this
 * one. Their sweep orders the plan of every unplanned request in `requests`, where only a job of
 * the same id shows that it is already ordered. They would begin a second attempt beside the first,
 * and each attempt invalidates the other's plan.
 */

/** How often to check for urgent orders while every other slot is busy. */
const CHECK_MS = 250

type RequestsWorkerOptions = Omit<QueueWorkerOptions, 'queue' | 'concurrency' | 'beginsPaused'>

/** @param maxPlans plans at once; with 1, an urgent plan waits for it, but nothing else does */
export function startRequestsWorker(maxPlans: number, options: RequestsWorkerOptions): QueueWorker {
  const { log, clock } = options
  const stopping = new AbortController()
  const keptPlans = maxPlans > 1 ? 1 : 0
  const ordinary = maxPlans - keptPlans
  let plans = 0

  const main = startQueueWorker({ ...options, queue: 'requests', concurrency: ordinary })
  const reserved = startQueueWorker({
    ...options,
    queue: 'requests',
    concurrency: keptPlans + 1,
    beginsPaused: true,
    process: async (job, token, ctx) => {
      if (job.name !== PLAN) return await options.process(job, token, ctx)
      if (isOrdinary(job) || plans === keptPlans) {
        await reserved.pause()
        return giveBack(job, token, options.store)
      }
      plans++
      try {
        return await options.process(job, token, ctx)
      } finally {
        plans--
      }
    },
  })

  const check = async () => {
    if (main.active < ordinary) return reserved.pause()
    const urgent = [HAND_OVER_PRIORITY, SETTLE_PRIORITY]
    if (plans < keptPlans) urgent.push(HIGH_PRIORITY)
    const { requests } = await options.store.queues()
    const waiting = Object.values(await requests.getCountsPerPriority(urgent))
    if (waiting.some((count) => count > 0)) await reserved.resume()
  }
  const watch = async () => {
    while (!stopping.signal.aborted) {
      await clock.sleep(CHECK_MS, stopping.signal).catch(() => {})
      await check().catch((err: unknown) => {
        if (!stopping.signal.aborted)
          log.error({ err }, 'The queue of urgent plans cannot be read. It will be retried.')
      })
    }
  }
  const watching = watch()

  return {
    get active() {
      return main.active + reserved.active
    },
    stop: async () => {
      stopping.abort()
      await Promise.all([watching, main.stop(), reserved.stop()])
    },
  }
}

const isOrdinary = ({ priority }: Job): boolean => priority > HIGH_PRIORITY
