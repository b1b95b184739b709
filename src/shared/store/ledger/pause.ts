import { z } from 'zod'
import type { RedisClient } from '../redis/redis.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { runScript, script } from './script.ts'

/**
 * The org's pause: a hash with two fields that know nothing of each other. `operator` is a wish,
 * and stands until it is taken back. `fault` is what Salesforce or the network did: it runs out, one
 * worker then tries (the probe), and the fault ends with its success or grows with its failure.
 */

/**
 * - `login`: Salesforce does not let us in.
 * - `outage`: 5xx, broken connections, silence, pages, refusals that nobody knows.
 * - `rate`: too many calls at once (429).
 * - `request-limit`: the day's API calls are used up.
 * - `quota`: the day's bulk batches are used up. It stops new ingest jobs only.
 * - `maintenance`: the org is read-only.
 */
export const PAUSE_REASONS = [
  'login',
  'outage',
  'rate',
  'request-limit',
  'quota',
  'maintenance',
] as const
export type PauseReason = (typeof PAUSE_REASONS)[number]

const operatorSchema = z.object({ abort: z.boolean(), since: z.number() })
const faultSchema = z.object({
  // A newer worker may know more reasons: whatever they are, waiting is right.
  reason: z.enum(PAUSE_REASONS).catch('outage'),
  message: z.string(),
  failures: z.number(),
  since: z.number(),
  until: z.number(),
  own: z.number().optional(),
  probe: z.string().optional(),
  lease: z.number().optional(),
})

/** Times are milliseconds since the epoch. */
export interface PauseState {
  /** `abort`: the ingest jobs that run are aborted, too. */
  readonly operator: { readonly abort: boolean; readonly since: number } | null
  readonly fault: FaultPause | null
}

interface FaultPause {
  readonly reason: PauseReason
  /** What the org or the network said, and what to do about it. */
  readonly message: string
  /** In a row. */
  readonly failures: number
  /** Names the fault, too: what is known of an earlier one does not end this one. */
  readonly since: number
  /** From then on somebody may try. */
  readonly until: number
  /** The end of our own delay, where a server's Retry-After makes `until` later. */
  readonly own?: number | undefined
  /** Who tries now, and until when that counts. */
  readonly probe?: string | undefined
  readonly lease?: number | undefined
}

export async function pauseState(redis: RedisClient, keys: OrgKeys): Promise<PauseState> {
  return parseState(await redis.hmget(keys.pause, 'operator', 'fault'))
}

// Once asked for, aborting stays: another operator's plain pause must not undo it halfway.
const PAUSE = script(
  'pause',
  { keys: ['pause'], args: ['mode'] },
  `
local known = redis.call('HGET', pause, 'operator')
local operator = known and cjson.decode(known)
if not operator then
  local time = redis.call('TIME')
  operator = { abort = false, since = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) }
end
operator.abort = operator.abort or mode == 'abort'
redis.call('HSET', pause, 'operator', cjson.encode(operator))
return 'ok'
`,
)

const RESUME = script('resume', { keys: ['pause'] }, `return redis.call('HDEL', pause, 'operator')`)

export function parseState([operator, fault]: readonly unknown[]): PauseState {
  return {
    operator: parseField(operatorSchema, operator),
    fault: parseField(faultSchema, fault),
  }
}

function parseField<T>(schema: z.ZodType<T>, json: unknown): T | null {
  return typeof json === 'string' ? schema.parse(JSON.parse(json)) : null
}

export function pauseVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  return {
    /** An operator's wish: no new ingest job begins; with `abort` those that run are aborted. */
    async pause(abort: boolean): Promise<void> {
      await runScript(ledger, PAUSE, { pause: keys.pause, mode: abort ? 'abort' : 'let-run' })
    },

    /** Takes an operator's pause back; a fault of the org stays until a probe succeeds. */
    async resume(): Promise<void> {
      await runScript(ledger, RESUME, { pause: keys.pause })
    },
  }
}
