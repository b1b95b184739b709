import type { RedisClient } from '../redis.ts'
import type { OrgKeys } from './keys.ts'
import { oneOf, runScript, script } from './script.ts'

const BEGIN_PLANNING = script(
  'begin-planning',
  `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 'lost' end
local status = redis.call('HGET', KEYS[1], 'status')
if status ~= 'queued' and status ~= 'planning' then return 'not-due' end
redis.call('HSET', KEYS[1], 'status', 'planning', 'lot', ARGV[2])
return 'begun'
`,
)

/** The BullMQ job that does the work, proven by the token in its lock. */
export interface JobLock {
  readonly queue: string
  readonly jobId: string
  readonly token: string
}

/**
 * Opens a planning attempt that stages under `lot`. A crashed attempt is simply followed by the
 * next one under a lot of its own; frames of the old lot are no longer anybody's.
 *
 * `lost`: another worker owns the job now. `not-due`: planned already, or terminal.
 */
export async function beginPlanning(
  redis: RedisClient,
  keys: OrgKeys,
  { id, lot, lock }: { id: string; lot: string; lock: JobLock },
): Promise<'begun' | 'lost' | 'not-due'> {
  const answer = await runScript(
    redis,
    BEGIN_PLANNING,
    [keys.request(id), keys.lock(lock.queue, lock.jobId)],
    [lock.token, lot],
  )
  return oneOf(answer, ['begun', 'lost', 'not-due'])
}
