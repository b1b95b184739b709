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
  /** Digest of the plan that was reviewed; another plan is not approved. */
  readonly plan?: string | undefined
}

/**
 * Why a request is to end early. The flag `cancel:<id>` holds the reason. It is raised first,
 * checked before anything is sent, and cleared by settle. The first reason is kept.
 */
export const STOP_REASONS = ['cancelled', 'declined', 'deadline', 'not-approved', 'brake'] as const
export type StopReason = (typeof STOP_REASONS)[number]

// A full Redis lets a script continue once it has written, and cancelling frees memory. So the
// first write is a no-op.
//
// A request that has its receipt cannot be cancelled, and must not be left with a flag.
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
     * Approves a parked plan, unless it was turned down before. The caller orders the open chunks'
     * ingest jobs.
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

    /**
     * Raises the stop flag on a parked plan, unless it was approved before; it can then no longer
     * be approved.
     */
    async decline(id: string, by?: Signature): Promise<'declined' | 'not-waiting' | 'unknown'> {
      const answer = await runScript(ledger, DECLINE, {
        request: keys.request(id),
        cancel: keys.cancel(id),
        ...signatureArgs(by),
      })
      return oneOf(answer, ['declined', 'not-waiting', 'unknown'])
    },

    /**
     * Raises the stop flag. The caller orders `stop`, so that unsent chunks are ended at once;
     * workers abort the ingest jobs that they run.
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

    /**
     * For each request, why it is to end; null if it is not. A newer worker's unknown reason counts
     * as cancelled.
     */
    async stopReasons(ids: readonly string[]): Promise<readonly (StopReason | null)[]> {
      if (ids.length === 0) return []
      const words = await redis.mget(ids.map((id) => keys.cancel(id)))
      return words.map((word) =>
        word === null ? null : (STOP_REASONS.find((reason) => reason === word) ?? 'cancelled'),
      )
    },
  }
}
