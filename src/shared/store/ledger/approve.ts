import type { Signature } from '../../contract/signed-act.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { STAND } from './live.ts'
import { TELL } from './outbox.ts'
import { oneOf, runScript, script } from './script.ts'
import { SIGN, signatureArgs } from './signed.ts'

const APPROVE = script(
  'approve',
  `${TELL}${STAND}${SIGN}
local status, plan = unpack(redis.call('HMGET', KEYS[1], 'status', 'plan'))
if not status then return 'unknown' end
if status ~= 'awaiting-approval' and status ~= 'deleting' then return 'not-waiting' end
if ARGV[2] ~= '' and cjson.decode(plan).sha256 ~= ARGV[2] then return 'other-plan' end
if status == 'deleting' then return 'approved' end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'not-waiting' end
redis.call('HSET', KEYS[1], 'status', 'deleting')
sign(KEYS[1], 'approvedBy', ARGV[3], ARGV[4])
stand(KEYS[4], ARGV[1], KEYS[1], 'deleting')
tell(KEYS[1], KEYS[3], 'deleting')
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
  const answer = await runScript(
    ledger,
    APPROVE,
    [keys.request(id), keys.cancel(id), keys.outbox, keys.live],
    [id.toLowerCase(), plan, ...signatureArgs(by)],
  )
  return oneOf(answer, ['approved', 'not-waiting', 'other-plan', 'unknown'])
}
