import type { Signature } from '../../contract/receipt.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { STAND } from './live.ts'
import { TELL } from './outbox.ts'
import { oneOf, runScript, script } from './script.ts'
import { SIGN, signatureArgs } from './signed.ts'

const APPROVE = script(
  'approve',
  { keys: ['request', 'cancel', 'outbox', 'live'], args: ['id', 'digest', 'actor', 'reason'] },
  `${TELL}${STAND}${SIGN}
local status, plan = unpack(redis.call('HMGET', request, 'status', 'plan'))
if not status then return 'unknown' end
if status ~= 'awaiting-approval' and status ~= 'deleting' then return 'not-waiting' end
if digest ~= '' and cjson.decode(plan).sha256 ~= digest then return 'other-plan' end
if status == 'deleting' then return 'approved' end
if redis.call('EXISTS', cancel) == 1 then return 'not-waiting' end
redis.call('HSET', request, 'status', 'deleting')
sign(request, 'approvedBy', actor, reason)
stand(live, id, request, 'deleting')
tell(request, outbox, 'deleting')
return 'approved'
`,
)

type Approval = {
  readonly by?: Signature | null
  /** The digest of the plan that was looked at: another one is not approved. */
  readonly plan?: string | undefined
}

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

export function decisionVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  const { redis } = ledger
  return {
    /**
     * Lets a parked plan go ahead, unless it was turned down before. Whoever calls it orders the open
     * chunks' ingest jobs.
     */
    async approve(
      id: string,
      { by, plan = '' }: Approval = {},
    ): Promise<'approved' | 'not-waiting' | 'other-plan' | 'unknown'> {
      const answer = await runScript(ledger, APPROVE, {
        request: keys.request(id),
        cancel: keys.cancel(id),
        outbox: keys.outbox,
        live: keys.live,
        id: id.toLowerCase(),
        digest: plan,
        ...signatureArgs(by),
      })
      return oneOf(answer, ['approved', 'not-waiting', 'other-plan', 'unknown'])
    },

    /** Raises the same flag on a parked plan, unless it was approved before: from then on it cannot be. */
    async decline(id: string, by?: Signature): Promise<'declined' | 'not-waiting' | 'unknown'> {
      const answer = await runScript(ledger, DECLINE, {
        request: keys.request(id),
        cancel: keys.cancel(id),
        ...signatureArgs(by),
      })
      return oneOf(answer, ['declined', 'not-waiting', 'unknown'])
    },

    /**
     * Raises the flag. Whoever calls it orders `stop`, so that what was never sent is ended at once;
     * ingest jobs at work are aborted by the workers that have them.
     */
    async cancel(
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
    },

    /** Of each request why it is to end, null where it is not; a newer worker's word means as much. */
    async stopReasons(ids: readonly string[]): Promise<readonly (StopReason | null)[]> {
      if (ids.length === 0) return []
      const words = await redis.mget(ids.map((id) => keys.cancel(id)))
      return words.map((word) =>
        word === null ? null : (STOP_REASONS.find((reason) => reason === word) ?? 'cancelled'),
      )
    },
  }
}
