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
 * Works on `requests`. Plans of millions of ids take long, and a worker takes so many at once; an
 * urgent request must not wait behind them, and still less what frees memory and answers callers:
 * settling, cancelling, the door. So one of the plans is kept for requests of priority `high`, and
 * beside the plans there is always a slot for the rest.
 *
 * BullMQ hands out what is first in line and lets nobody choose. So the reserved slots take nothing
 * while the others can take it; once these are all busy they look whether something urgent waits, and
 * only then take. What is not urgent after all, because somebody else was faster, is given back to
 * where it stood.
 *
 * A queue of its own for what is urgent would not do while workers of an earlier version may run beside
 * this one. Their sweep orders the plan of every request that is not planned yet in `requests`, where
 * only a job of the same id tells that it is ordered: they would begin a second attempt beside the
 * first, and each attempt makes the other's plan void.
 */

/** How soon an urgent order is noticed where every other slot is busy. */
const CHECK_MS = 250

type RequestsWorkerOptions = Omit<QueueWorkerOptions, 'queue' | 'concurrency' | 'beginsPaused'>

/** @param maxPlans plans at once; with only one, an urgent one waits for it, but nothing else does */
export function startRequestsWorker(maxPlans: number, options: RequestsWorkerOptions): QueueWorker {
  const { log, clock } = options
  const queue = options.store.queues.requests
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
    const waiting = Object.values(await queue.getCountsPerPriority(urgent))
    if (waiting.some((count) => count > 0)) await reserved.resume()
  }
  const watch = async () => {
    while (!stopping.signal.aborted) {
      await clock.sleep(CHECK_MS, stopping.signal).catch(() => {})
      await check().catch((err: unknown) => {
        if (!stopping.signal.aborted) log.error({ err }, 'The express cannot look and tries again.')
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
