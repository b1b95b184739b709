import type { Plan } from '../receipt.ts'
import type { RedisClient } from '../redis.ts'
import type { JobLock } from './begin-planning.ts'
import type { OrgKeys } from './keys.ts'
import { chunkField, type IngestOrder } from './record.ts'
import { oneOf, runScript, script } from './script.ts'

// ARGV from 5: order, its JSON, how many chunks it carries, then as many chunk fields.
const PLANNED = script(
  'planned',
  `
if redis.call('HGET', KEYS[1], 'lot') ~= ARGV[2] then return 'stale' end
local status = redis.call('HGET', KEYS[1], 'status')
if status ~= 'planning' then return redis.call('HEXISTS', KEYS[1], 'plan') == 1 and 'ok' or 'stale' end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 'lost' end
redis.call('HSET', KEYS[1], 'status', ARGV[3], 'plan', ARGV[4])
local at = 5
for i = 4, #KEYS do
  redis.call('HSET', KEYS[i], 'order', ARGV[at + 1])
  for c = 1, tonumber(ARGV[at + 2]) do redis.call('HSET', KEYS[3], ARGV[at + 2 + c], ARGV[at]) end
  at = at + 3 + tonumber(ARGV[at + 2])
end
return 'ok'
`,
)

export interface Planned {
  readonly id: string
  readonly lot: string
  readonly plan: Plan
  readonly orders: readonly IngestOrder[]

  readonly next: 'deleting' | 'awaiting-approval'
  readonly lock: JobLock
}

/**
 * Records the plan, its open chunks and its ingest orders in one step. Until then nothing of the
 * request can be sent; from then on its source is never touched again.
 *
 * Repeating it changes nothing. `stale`: a later planning attempt counts. `lost`: another worker
 * owns the job now.
 */
export async function planned(
  redis: RedisClient,
  keys: OrgKeys,
  entry: Planned,
): Promise<'ok' | 'stale' | 'lost'> {
  const { id, lot, plan, orders, next, lock } = entry
  const answer = await runScript(
    redis,
    PLANNED,
    [
      keys.request(id),
      keys.lock(lock.queue, lock.jobId),
      keys.open(id),
      ...orders.map(({ order }) => keys.ingest(order)),
    ],
    [
      lock.token,
      lot,
      next,
      JSON.stringify(plan),
      ...orders.flatMap((order) => [
        order.order,
        JSON.stringify(order),
        order.chunks.length,
        ...order.chunks.map(chunkField),
      ]),
    ],
  )
  return oneOf(answer, ['ok', 'stale', 'lost'])
}
