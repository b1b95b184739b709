import type { Signature } from '../../contract/signed-act.ts'
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

export interface Approval {
  readonly by?: Signature | null
  /** The digest of the plan that was looked at: another one is not approved. */
  readonly plan?: string | undefined
}

/**
 * Lets a parked plan go ahead, unless it was turned down before. Whoever calls it orders the open
 * chunks' ingest jobs.
 */
export async function approve(
  ledger: LedgerConnection,
  keys: OrgKeys,
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
}
