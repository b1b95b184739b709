import type { RedisClient } from '../redis.ts'
import type { OrgKeys } from './keys.ts'
import { oneOf, runScript, script } from './script.ts'

// Of a request that has its receipt there is nothing to cancel, and no flag may be left behind.
const CANCEL = script(
  'cancel',
  `
if redis.call('HEXISTS', KEYS[1], 'request') == 0 then return 'unknown' end
if redis.call('HEXISTS', KEYS[1], 'receipt') == 0 then redis.call('SET', KEYS[2], '1') end
return 'ok'
`,
)

/** Raises the flag that a request is to end before its time; settle lowers it. */
export async function cancel(redis: RedisClient, keys: OrgKeys, id: string): Promise<void> {
  await runScript(redis, CANCEL, [keys.request(id), keys.cancel(id)], [])
}

const DECLINE = script(
  'decline',
  `
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return 'unknown' end
if status ~= 'awaiting-approval' then return 'not-waiting' end
redis.call('SET', KEYS[2], '1')
return 'declined'
`,
)

/** Raises the same flag on a parked plan, unless it was approved before: from then on it cannot be. */
export async function decline(
  redis: RedisClient,
  keys: OrgKeys,
  id: string,
): Promise<'declined' | 'not-waiting' | 'unknown'> {
  const answer = await runScript(redis, DECLINE, [keys.request(id), keys.cancel(id)], [])
  return oneOf(answer, ['declined', 'not-waiting', 'unknown'])
}
