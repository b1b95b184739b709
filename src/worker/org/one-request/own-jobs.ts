import { randomUUID } from 'node:crypto'
import type { Job } from 'bullmq'
import { z } from 'zod'
import { systemClock } from '../../../shared/base/clock.ts'
import type { Context } from '../../../shared/base/context.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import { evaluate, script } from '../../../shared/store/ledger/script.ts'
import type { OrgStore } from '../../../shared/store/org-store.ts'
import type { QueueName } from '../../../shared/store/queues/queues.ts'
import { wakeWorkers } from '../../jobs/hand-over.ts'
import { isLetGo, JobsInHand, type JobsInHandOptions } from '../../jobs/jobs-in-hand.ts'
import { startLoop } from '../../jobs/loop.ts'
import type { QueueWorker } from '../../jobs/queue-worker.ts'

export interface OwnJobsOptions extends JobsInHandOptions {
  readonly concurrency: number
  readonly lockMs: number
  /** Names of the jobs that may be taken; those that are not there are passed over. */
  readonly names: () => Promise<readonly string[]>
}

/** How soon a job is noticed that was ordered since, or has become due. In real time, as locks are. */
const CHECK_MS = 100

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
      // Others may wait for the place in the window.
      await wakeWorkers(store, queue)
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
  const loop = startLoop({ ...ctx, clock: systemClock }, { everyMs: CHECK_MS, onError }, look)
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

// BullMQ hands out what is first in line. This takes named jobs out of the line, as BullMQ's own
// moveToActive would (tried on 6.7): window and pause of the queue hold, a lock is set, and all others
// stay where they stand. A job that is active without a lock was left by a worker that died; with the
// lock it is ours, and no stalled check of another worker touches it.
//
// A delayed job's score is its time in milliseconds * 4096 and a counter.
//
// `prefix` is that of the job keys.
const TAKE_JOBS = script(
  'take-jobs',
  {
    keys: ['wait', 'prioritized', 'delayed', 'active', 'meta'],
    args: ['prefix', 'token', 'lockMs', 'most', '...ids'],
  },
  `
local paused, window = unpack(redis.call('HMGET', meta, 'paused', 'concurrency'))
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function isDue(id)
  local score = redis.call('ZSCORE', delayed, id)
  return score and math.floor(tonumber(score) / 4096) <= now
end
local function outOfLine(id)
  if paused or (window and redis.call('LLEN', active) >= tonumber(window)) then return false end
  return redis.call('ZREM', prioritized, id) == 1 or redis.call('LREM', wait, 1, id) == 1
    or (isDue(id) and redis.call('ZREM', delayed, id) == 1)
end
local taken = {}
for _, id in ipairs(ids) do
  if #taken == tonumber(most) then break end
  local job = prefix .. id
  if redis.call('EXISTS', job) == 1 and redis.call('EXISTS', job .. ':lock') == 0 then
    local isLeft = redis.call('LPOS', active, id)
    if isLeft or outOfLine(id) then
      if not isLeft then redis.call('LPUSH', active, id) end
      redis.call('SET', job .. ':lock', token, 'PX', lockMs)
      redis.call('HSET', job, 'processedOn', string.format('%.0f', now), 'delay', 0)
      redis.call('HINCRBY', job, 'ats', 1)
      taken[#taken + 1] = { id, isLeft and 'left' or 'waiting' }
    end
  end
end
return taken
`,
)

interface TakeEntry {
  readonly queue: QueueName
  readonly token: string
  readonly lockMs: number
  readonly most: number
  readonly ids: readonly string[]
}

interface TakenJob {
  readonly id: string
  /** Whether a worker that died had it. */
  readonly wasLeft: boolean
}

/** Those of the jobs that nobody works on and that are due, locked with the token. */
export async function takeJobs(
  { connection, ledger: { keys } }: OrgStore,
  { queue, token, lockMs, most, ids }: TakeEntry,
): Promise<readonly TakenJob[]> {
  if (most < 1 || ids.length === 0) return []
  const answer = await evaluate(connection, TAKE_JOBS, {
    wait: keys.jobs(queue, 'wait'),
    prioritized: keys.jobs(queue, 'prioritized'),
    delayed: keys.jobs(queue, 'delayed'),
    active: keys.jobs(queue, 'active'),
    meta: keys.job(queue, 'meta'),
    prefix: keys.job(queue, ''),
    token,
    lockMs,
    most,
    ids,
  })
  return takenSchema.parse(answer).map(([id, from]) => ({ id, wasLeft: from === 'left' }))
}

const takenSchema = z.array(z.tuple([z.string(), z.enum(['left', 'waiting'])]))
