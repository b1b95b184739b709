import type { Signature } from '../../contract/signed-act.ts'
import type { RedisClient } from '../redis/redis.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { oneOf, runScript, script } from './script.ts'
import { SIGN, signatureArgs } from './signed.ts'

/**
 * Why a request is to end before its time. The flag `cancel:<id>` holds the word: raised first of
 * all, read by whoever is about to send something, lowered by settle. The first reason stays.
 */
export const STOP_REASONS = ['cancelled', 'declined', 'deadline', 'not-approved', 'brake'] as const
export type StopReason = (typeof STOP_REASONS)[number]

// Where Redis is full a script that has begun to write is let through, and to cancel makes room: the
// first write does nothing.
//
// Of a request that has its receipt there is nothing to cancel, and no flag may be left behind.
const CANCEL = script(
  'cancel',
  { keys: ['request', 'cancel'], args: ['word', 'actor', 'reason'] },
  `${SIGN}
if redis.call('HEXISTS', request, 'request') == 0 then return 'unknown' end
if redis.call('HEXISTS', request, 'receipt') == 1 then return 'over' end
redis.call('HDEL', request, '')
if redis.call('SET', cancel, word, 'NX') then sign(request, 'cancelledBy', actor, reason) end
return 'cancelling'
`,
)

/**
 * Raises the flag. Whoever calls it orders `stop`, so that what was never sent is ended at once;
 * ingest jobs at work are aborted by the workers that have them.
 */
export async function cancel(
  ledger: LedgerConnection,
  keys: OrgKeys,
  id: string,
  reason: 'cancelled' | 'deadline' | 'not-approved',
  by?: Signature,
): Promise<'cancelling' | 'over' | 'unknown'> {
  const answer = await runScript(ledger, CANCEL, {
    request: keys.request(id),
    cancel: keys.cancel(id),
    word: reason,
    ...signatureArgs(by),
  })
  return oneOf(answer, ['cancelling', 'over', 'unknown'])
}

const DECLINE = script(
  'decline',
  { keys: ['request', 'cancel'], args: ['actor', 'reason'] },
  `${SIGN}
local status = redis.call('HGET', request, 'status')
if not status then return 'unknown' end
if status ~= 'awaiting-approval' then return 'not-waiting' end
redis.call('HDEL', request, '')
if redis.call('SET', cancel, 'declined', 'NX') then sign(request, 'cancelledBy', actor, reason) end
return 'declined'
`,
)

/** Raises the same flag on a parked plan, unless it was approved before: from then on it cannot be. */
export async function decline(
  ledger: LedgerConnection,
  keys: OrgKeys,
  id: string,
  by?: Signature,
): Promise<'declined' | 'not-waiting' | 'unknown'> {
  const answer = await runScript(ledger, DECLINE, {
    request: keys.request(id),
    cancel: keys.cancel(id),
    ...signatureArgs(by),
  })
  return oneOf(answer, ['declined', 'not-waiting', 'unknown'])
}

/** Of each request why it is to end, null where it is not; a newer worker's word means as much. */
export async function stopReasons(
  redis: RedisClient,
  keys: OrgKeys,
  ids: readonly string[],
): Promise<readonly (StopReason | null)[]> {
  if (ids.length === 0) return []
  const words = await redis.mget(ids.map((id) => keys.cancel(id)))
  return words.map((word) =>
    word === null ? null : (STOP_REASONS.find((reason) => reason === word) ?? 'cancelled'),
  )
}
