import { z } from 'zod'
import { evaluate, script } from '../../../shared/store/ledger/script.ts'
import type { OrgStore } from '../../../shared/store/org-store.ts'
import type { QueueName } from '../../../shared/store/queues/queues.ts'

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
