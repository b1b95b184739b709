import type { RedisClient } from '../redis.ts'
import type { JobLock } from './begin-planning.ts'
import type { OrgKeys } from './keys.ts'
import { type IngestOrder, parseIngestOrder } from './record.ts'
import { runScript, script } from './script.ts'

// Whoever takes an order counts as a crash at its checkpoint until it saves the next or hands back.
// Waiting is not counted: it lasts for hours, and deploys would add up.
const TAKE = script(
  'take-order',
  `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {'lost'} end
local order = redis.call('HGET', KEYS[1], 'order')
if not order then return {'gone'} end
local checkpoint = redis.call('HGET', KEYS[1], 'checkpoint') or ''
local starts = 0
if checkpoint == '' or cjson.decode(checkpoint).step ~= 'wait' then
  starts = redis.call('HINCRBY', KEYS[1], 'starts', 1)
end
return {'taken', order, checkpoint, starts}
`,
)

export type Taken =
  | { readonly kind: 'lost' }
  | { readonly kind: 'gone' }
  | {
      readonly kind: 'taken'
      readonly order: IngestOrder
      /** JSON of the last checkpoint, null before the first. */
      readonly checkpoint: string | null
      /** How often workers died at this checkpoint before us. */
      readonly crashes: number
    }

/** Takes up an ingest order at its checkpoint. `gone`: its outcome is in the ledger already. */
export async function takeOrder(
  redis: RedisClient,
  keys: OrgKeys,
  order: string,
  lock: JobLock,
): Promise<Taken> {
  const answer = await runScript(
    redis,
    TAKE,
    [keys.ingest(order), keys.lock(lock.queue, lock.jobId)],
    [lock.token],
  )
  const [kind, json, checkpoint, starts] = Array.isArray(answer) ? answer : []
  if (kind === 'lost' || kind === 'gone') return { kind }
  return {
    kind: 'taken',
    order: parseIngestOrder(String(json)),
    checkpoint: checkpoint === '' ? null : String(checkpoint),
    crashes: Math.max(0, Number(starts) - 1),
  }
}

const HAND_BACK = script(
  'hand-back-order',
  `
if redis.call('GET', KEYS[2]) == ARGV[1] and redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], 'starts', 0)
end
return 'ok'
`,
)

// The lock is another's by now: only our own start is taken back.
const FORGIVE = script(
  'forgive-order',
  `
local starts = tonumber(redis.call('HGET', KEYS[1], 'starts') or '0')
if starts > 0 then redis.call('HSET', KEYS[1], 'starts', starts - 1) end
return 'ok'
`,
)

/**
 * Takes back a start that counted as a crash: whoever has lost its lock, to a Redis that stood
 * still for longer than that, and lives to say so has not crashed.
 */
export async function forgiveOrder(
  redis: RedisClient,
  keys: OrgKeys,
  order: string,
): Promise<void> {
  await runScript(redis, FORGIVE, [keys.ingest(order)], [])
}

/** Gives an order back without blame: a worker that stops has not crashed. */
export async function handBackOrder(
  redis: RedisClient,
  keys: OrgKeys,
  order: string,
  lock: JobLock,
): Promise<void> {
  await runScript(
    redis,
    HAND_BACK,
    [keys.ingest(order), keys.lock(lock.queue, lock.jobId)],
    [lock.token],
  )
}
