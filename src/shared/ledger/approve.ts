import type { RedisClient } from '../redis.ts'
import type { OrgKeys } from './keys.ts'
import { STAND } from './live.ts'
import { TELL } from './outbox.ts'
import { oneOf, runScript, script } from './script.ts'

const APPROVE = script(
  'approve',
  `${TELL}${STAND}
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return 'unknown' end
if status == 'deleting' then return 'approved' end
if status ~= 'awaiting-approval' then return 'not-waiting' end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'not-waiting' end
redis.call('HSET', KEYS[1], 'status', 'deleting')
stand(KEYS[4], ARGV[1], KEYS[1], 'deleting')
tell(KEYS[1], KEYS[3], 'deleting')
return 'approved'
`,
)

/**
 * Lets a parked plan go ahead, unless it was turned down before. Whoever calls it orders the open
 * chunks' ingest jobs.
 */
export async function approve(
  redis: RedisClient,
  keys: OrgKeys,
  id: string,
): Promise<'approved' | 'not-waiting' | 'unknown'> {
  const answer = await runScript(
    redis,
    APPROVE,
    [keys.request(id), keys.cancel(id), keys.outbox, keys.live],
    [id.toLowerCase()],
  )
  return oneOf(answer, ['approved', 'not-waiting', 'unknown'])
}
