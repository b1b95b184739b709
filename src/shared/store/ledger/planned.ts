import type { CallerLimits } from '../../contract/caller-limits.ts'
import type { Plan, ResultFile } from '../../contract/receipt.ts'
import { BUDGET } from './budget.ts'
import { chunkField, type IngestOrder } from './chunk.ts'
import type { LedgerConnection } from './connection.ts'
import type { JobLock, OrgKeys } from './keys.ts'
import { STAND } from './live.ts'
import { TELL } from './outbox.ts'
import { oneOf, runScript, script } from './script.ts'

// The source is not read again, so a list stored in the record is removed. `orders`: for each its
// name, its JSON, the number of its chunks, then that many chunk fields. Chunks that retry rows are
// numbered from `nextChunk` on.
const PLANNED = script(
  'planned',
  {
    keys: ['request', 'lock', 'open', 'outbox', 'live', 'spent', 'unapproved', '...ingests'],
    args: [
      'token',
      'lot',
      'wanted',
      'plan',
      'nextChunk',
      'canary',
      'id',
      'accepted',
      'hourly',
      'daily',
      'approvalAbove',
      'invalid',
      '...orders',
    ],
  },
  `${TELL}${STAND}${BUDGET}
if redis.call('HGET', request, 'lot') ~= lot then return 'stale' end
local status = redis.call('HGET', request, 'status')
if status ~= 'planning' then
  if redis.call('HEXISTS', request, 'plan') == 0 then return 'stale' end
  return status == 'awaiting-approval' and wanted == 'deleting' and 'parked' or 'ok'
end
if redis.call('GET', lock) ~= token then return 'lost' end
local records, now = tonumber(accepted), thisBucket()
local bucket, held = heldBy(request)
local perHour, perDay = tonumber(hourly), tonumber(daily)
if records > held and waitFor(spent, records - held, perHour, perDay) ~= 0 then return 'over-budget' end
local next, answer = wanted, 'ok'
if next == 'deleting' and approvalAbove ~= '' and redis.call('HEXISTS', request, 'approvedBy') == 0 then
  if waitFor(unapproved, records, nil, tonumber(approvalAbove)) == 0 then spend(unapproved, now, records)
  else next, answer = 'awaiting-approval', 'parked' end
end
if perHour or perDay then
  spend(spent, bucket or now, records - held)
  redis.call('HSET', request, 'spent', (bucket or now) .. ' ' .. accepted)
end
redis.call('HSET', request, 'status', next, 'plan', plan, 'nextChunk', nextChunk, 'canary', canary,
  'plannedAt', redis.call('TIME')[1])
if invalid ~= '' then redis.call('HSET', request, 'invalid', invalid) end
redis.call('HDEL', request, 'frame')
tell(request, outbox, next)
stand(live, id, request, next)
local at = 1
for _, ingest in ipairs(ingests) do
  redis.call('HSET', ingest, 'order', orders[at + 1])
  for c = 1, tonumber(orders[at + 2]) do redis.call('HSET', open, orders[at + 2 + c], orders[at]) end
  at = at + 3 + tonumber(orders[at + 2])
end
return answer
`,
)

type Planned = {
  readonly id: string
  readonly lot: string
  readonly plan: Plan
  /** The part of `invalid.csv` that the plan wrote. */
  readonly invalid?: ResultFile | null
  readonly orders: readonly IngestOrder[]
  /** Ids of the first chunk if it is a canary: the others are sent only after it has passed. */
  readonly canary?: number
  readonly next: 'deleting' | 'awaiting-approval'
  /** Whose records these are; null for all callers without a key. */
  readonly caller?: string | null
  /** The caller's limits when the request was accepted. */
  readonly limits?: CallerLimits | null
  /** Records that a caller may have deleted in 24 hours without approval; null for no limit. */
  readonly approvalAbove?: number | null
  readonly lock: JobLock
}

const PLAN_ENTERED = ['ok', 'parked', 'over-budget', 'stale', 'lost'] as const
type PlanEntered = (typeof PLAN_ENTERED)[number]

/** The first number after the plan's chunks. */
function nextChunk(orders: readonly IngestOrder[]): number {
  const chunks = orders.flatMap((order) => order.chunks)
  return chunks.reduce((next, { chunk }) => Math.max(next, chunk + 1), 0)
}

export function plannedVerb(ledger: LedgerConnection, keys: OrgKeys) {
  return {
    /**
     * Records the plan, its open chunks and its ingest orders in one step. Before it nothing of the
     * request can be sent; after it the source is not read again.
     *
     * The caller's budget is charged with the accepted records, less what was charged when the
     * request was accepted. `over-budget`: the budget has no room for them, and nothing was
     * recorded. `parked`: together with what the caller had deleted without approval in the last 24
     * hours, the plan exceeds `approvalAbove`, so it waits for approval. A purge split into many
     * small requests therefore waits like a single large one. The plan of a dry run was approved when
     * it was applied, and does not wait.
     *
     * Repeating it changes nothing. `stale`: a later planning attempt is current. `lost`: another
     * worker owns the job now.
     */
    async planned(entry: Planned): Promise<PlanEntered> {
      const { id, lot, plan, invalid = null, orders, canary = 0, next, lock } = entry
      const { caller = null, limits = null, approvalAbove = null } = entry
      const answer = await runScript(ledger, PLANNED, {
        request: keys.request(id),
        lock: keys.lock(lock),
        open: keys.open(id),
        outbox: keys.outbox,
        live: keys.live,
        spent: keys.spent(caller),
        unapproved: keys.unapproved(caller),
        ingests: orders.map(({ order }) => keys.ingest(order)),
        token: lock.token,
        lot,
        wanted: next,
        plan: JSON.stringify(plan),
        nextChunk: nextChunk(orders),
        canary,
        id: id.toLowerCase(),
        accepted: plan.accepted,
        hourly: limits?.recordsPerHour ?? '',
        daily: limits?.recordsPerDay ?? '',
        approvalAbove: approvalAbove ?? '',
        invalid: invalid === null ? '' : JSON.stringify(invalid),
        orders: orders.flatMap((order) => [
          order.order,
          JSON.stringify(order),
          order.chunks.length,
          ...order.chunks.map(chunkField),
        ]),
      })
      return oneOf(answer, PLAN_ENTERED)
    },
  }
}
