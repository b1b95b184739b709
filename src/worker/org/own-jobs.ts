import { randomUUID } from 'node:crypto'
import type { Job } from 'bullmq'
import { z } from 'zod'
import { systemClock } from '../../shared/base/clock.ts'
import type { Context } from '../../shared/base/context.ts'
import { messageOf } from '../../shared/base/errors.ts'
import { evaluate, script } from '../../shared/store/ledger/script.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import type { QueueName } from '../../shared/store/queues/queues.ts'
import { wakeWorkers } from '../jobs/hand-over.ts'
import { isLetGo, JobsInHand, type JobsInHandOptions } from '../jobs/jobs-in-hand.ts'
import { startLoop } from '../jobs/loop.ts'
import type { QueueWorker } from '../jobs/queue-worker.ts'

interface OwnJobsOptions extends JobsInHandOptions {
  readonly concurrency: number
  readonly lockMs: number
  /** Names of the jobs that may be taken; names without a job are ignored. */
  readonly names: () => Promise<readonly string[]>
}

/** How often to check for jobs that were added or became due. Uses real time, like locks. */
const CHECK_MS = 100

/** The same after a job was taken: the request's next one is ordered then. */
const CHECK_NEXT_MS = 5

/**
 * Works only on the named jobs of a queue and leaves the rest of the queue unchanged for other
 * workers. BullMQ's own worker takes whichever job is first.
 */
export function startOwnJobs(options: OwnJobsOptions, ctx: Context): QueueWorker {
  const { store, queue, concurrency, lockMs, names, metrics } = options
  const log = options.log.child({ queue })
  const hand = new JobsInHand({ ...options, log })
  const working = new Set<Promise<void>>()

  const look = async (own: Context) => {
    while ((await takeFree()) > 0) await own.clock.sleep(CHECK_NEXT_MS, own.signal)
  }
  const takeFree = async (): Promise<number> => {
    const free = concurrency - working.size
    if (free < 1) return 0
    const token = randomUUID()
    const ids = (await names()).filter((id) => !hand.has(id))
    const taken = await takeJobs(store, { queue, token, lockMs, most: free, ids })
    for (const { id, wasLeft } of taken) {
      if (wasLeft) metrics.jobRecovered({ org: store.org, queue })
      const work = begin(id, token)
      working.add(work)
      void work.finally(() => working.delete(work))
    }
    return taken.length
  }
  const begin = async (id: string, token: string) => {
    try {
      const job: Job | undefined = await (await store.queues())[queue].getJob(id)
      if (job !== undefined) await finish(job, token)
    } catch (error) {
      // Its lock is not renewed, so another worker takes the job again.
      log.debug({ err: error, job: id }, 'A job could not be completed.')
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
      // Other workers may be waiting for the place in the window.
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

  // In a Redis outage each check fails; the connection reports the outage once.
  const onError = (err: unknown) => log.debug({ err }, 'The queue could not be read.')
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

// BullMQ hands out the first job in the queue. This script takes named jobs out of it, as BullMQ's
// own moveToActive would (tested with 6.7): it respects window and pause of the queue, sets a lock,
// and leaves all other jobs in place. An active job without a lock was left by a worker that died.
// Setting the lock makes it ours, and no other worker's stalled check touches it.
//
// A delayed job's score is its time in milliseconds * 4096 plus a counter.
//
// `prefix` is the prefix of the job keys.
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
  /** Whether it was left by a worker that died. */
  readonly wasLeft: boolean
}

/** Takes those of the jobs that are due and not being worked on, and locks them with the token. */
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
