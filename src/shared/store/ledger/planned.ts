import type { CallerLimits } from '../../contract/caller-limits.ts'
import type { Plan, ResultFile } from '../../contract/receipt.ts'
import type { JobLock } from './begin-planning.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { STAND } from './live.ts'
import { TELL } from './outbox.ts'
import { chunkField, type IngestOrder } from './record.ts'
import { oneOf, runScript, script } from './script.ts'
import { SPENDING } from './spending.ts'

// The source is never touched again, so a list that lies in the record goes from there.
// KEYS from 8, ARGV from 13: order, its JSON, how many chunks it carries, then as many chunk fields. Chunks that
// carry rows again are numbered from `nextChunk` on.
const PLANNED = script(
  'planned',
  `${TELL}${STAND}${SPENDING}
if redis.call('HGET', KEYS[1], 'lot') ~= ARGV[2] then return 'stale' end
local status = redis.call('HGET', KEYS[1], 'status')
if status ~= 'planning' then
  if redis.call('HEXISTS', KEYS[1], 'plan') == 0 then return 'stale' end
  return status == 'awaiting-approval' and ARGV[3] == 'deleting' and 'parked' or 'ok'
end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 'lost' end
local records, now = tonumber(ARGV[8]), thisBucket()
local bucket, held = heldBy(KEYS[1])
local perHour, perDay = tonumber(ARGV[9]), tonumber(ARGV[10])
if records > held and waitFor(KEYS[6], records - held, perHour, perDay) ~= 0 then return 'over-budget' end
local next, answer = ARGV[3], 'ok'
if next == 'deleting' and ARGV[11] ~= '' then
  if waitFor(KEYS[7], records, nil, tonumber(ARGV[11])) == 0 then spend(KEYS[7], now, records)
  else next, answer = 'awaiting-approval', 'parked' end
end
if perHour or perDay then
  spend(KEYS[6], bucket or now, records - held)
  redis.call('HSET', KEYS[1], 'spent', (bucket or now) .. ' ' .. ARGV[8])
end
redis.call('HSET', KEYS[1], 'status', next, 'plan', ARGV[4], 'nextChunk', ARGV[5], 'canary', ARGV[6],
  'plannedAt', redis.call('TIME')[1])
if ARGV[12] ~= '' then redis.call('HSET', KEYS[1], 'invalid', ARGV[12]) end
redis.call('HDEL', KEYS[1], 'frame')
tell(KEYS[1], KEYS[4], next)
stand(KEYS[5], ARGV[7], KEYS[1], next)
local at = 13
for i = 8, #KEYS do
  redis.call('HSET', KEYS[i], 'order', ARGV[at + 1])
  for c = 1, tonumber(ARGV[at + 2]) do redis.call('HSET', KEYS[3], ARGV[at + 2 + c], ARGV[at]) end
  at = at + 3 + tonumber(ARGV[at + 2])
end
return answer
`,
)

export interface Planned {
  readonly id: string
  readonly lot: string
  readonly plan: Plan
  /** The part of `invalid.csv` that the plan wrote. */
  readonly invalid?: ResultFile | null
  readonly orders: readonly IngestOrder[]
  /** Ids of the first chunk where it goes alone, and the others only once it has passed. */
  readonly canary?: number
  readonly next: 'deleting' | 'awaiting-approval'
  /** Whose records these are; null: of all who have no key. */
  readonly caller?: string | null
  /** What held the caller when the request was accepted. */
  readonly limits?: CallerLimits | null
  /** Records that a caller may have deleted in 24 hours without approval; null: any number. */
  readonly approvalAbove?: number | null
  readonly lock: JobLock
}

const PLAN_ENTERED = ['ok', 'parked', 'over-budget', 'stale', 'lost'] as const
export type PlanEntered = (typeof PLAN_ENTERED)[number]

/**
 * Records the plan, its open chunks and its ingest orders in one step. Until then nothing of the
 * request can be sent; from then on its source is never touched again.
 *
 * The caller's budget is charged with the accepted records, less what was charged when the request
 * was accepted. `over-budget`: it has no room for them, and nothing was recorded. `parked`: it would
 * have gone ahead, but with what the caller had deleted unapproved in the last 24 hours it comes to
 * more than `approvalAbove`: so a purge in many small requests waits as the same purge in one does.
 *
 * Repeating it changes nothing. `stale`: a later planning attempt counts. `lost`: another worker
 * owns the job now.
 */
export async function planned(
  ledger: LedgerConnection,
  keys: OrgKeys,
  entry: Planned,
): Promise<PlanEntered> {
  const { id, lot, plan, invalid = null, orders, canary = 0, next, lock } = entry
  const { caller = null, limits = null, approvalAbove = null } = entry
  const answer = await runScript(
    ledger,
    PLANNED,
    [
      keys.request(id),
      keys.lock(lock.queue, lock.jobId),
      keys.open(id),
      keys.outbox,
      keys.live,
      keys.spent(caller),
      keys.unapproved(caller),
      ...orders.map(({ order }) => keys.ingest(order)),
    ],
    [
      lock.token,
      lot,
      next,
      JSON.stringify(plan),
      nextChunk(orders),
      canary,
      id.toLowerCase(),
      plan.accepted,
      limits?.recordsPerHour ?? '',
      limits?.recordsPerDay ?? '',
      approvalAbove ?? '',
      invalid === null ? '' : JSON.stringify(invalid),
      ...orders.flatMap((order) => [
        order.order,
        JSON.stringify(order),
        order.chunks.length,
        ...order.chunks.map(chunkField),
      ]),
    ],
  )
  return oneOf(answer, PLAN_ENTERED)
}

/** The first number that no chunk of the plan has. */
function nextChunk(orders: readonly IngestOrder[]): number {
  const chunks = orders.flatMap((order) => order.chunks)
  return chunks.reduce((next, { chunk }) => Math.max(next, chunk + 1), 0)
}
