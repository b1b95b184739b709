import type { Plan } from '../receipt.ts'
import type { RedisClient } from '../redis.ts'
import type { JobLock } from './begin-planning.ts'
import type { OrgKeys } from './keys.ts'
import { STAND } from './live.ts'
import { TELL } from './outbox.ts'
import { chunkField, type IngestOrder } from './record.ts'
import { oneOf, runScript, script } from './script.ts'

// The source is never touched again, so a list that lies in the record goes from there.
// ARGV from 8: order, its JSON, how many chunks it carries, then as many chunk fields. Chunks that
// carry rows again are numbered from `nextChunk` on.
const PLANNED = script(
  'planned',
  `${TELL}${STAND}
if redis.call('HGET', KEYS[1], 'lot') ~= ARGV[2] then return 'stale' end
local status = redis.call('HGET', KEYS[1], 'status')
if status ~= 'planning' then return redis.call('HEXISTS', KEYS[1], 'plan') == 1 and 'ok' or 'stale' end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 'lost' end
redis.call('HSET', KEYS[1], 'status', ARGV[3], 'plan', ARGV[4], 'nextChunk', ARGV[5], 'canary', ARGV[6],
  'plannedAt', redis.call('TIME')[1])
redis.call('HDEL', KEYS[1], 'frame')
tell(KEYS[1], KEYS[4], ARGV[3])
stand(KEYS[5], ARGV[7], KEYS[1], ARGV[3])
local at = 8
for i = 6, #KEYS do
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
  /** Whether the first chunk goes alone, and the others only once it has its outcome. */
  readonly canary?: boolean
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
  const { id, lot, plan, orders, canary = false, next, lock } = entry
  const answer = await runScript(
    redis,
    PLANNED,
    [
      keys.request(id),
      keys.lock(lock.queue, lock.jobId),
      keys.open(id),
      keys.outbox,
      keys.live,
      ...orders.map(({ order }) => keys.ingest(order)),
    ],
    [
      lock.token,
      lot,
      next,
      JSON.stringify(plan),
      plan.chunks,
      canary ? 1 : 0,
      id.toLowerCase(),
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
