import { z } from 'zod'
import type { RedisClient } from '../redis/redis.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { runScript, script } from './script.ts'

/**
 * The org's pause: a hash with two independent fields. `operator` is an operator's wish and stands
 * until it is withdrawn. `fault` is a problem of Salesforce or the network: when it runs out, one
 * job tries (the probe), and the fault ends if that succeeds or is extended if it fails.
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
  // A newer worker may know more reasons; waiting is right for all of them.
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
  /** `abort`: running ingest jobs are aborted too. */
  readonly operator: { readonly abort: boolean; readonly since: number } | null
  readonly fault: FaultPause | null
}

interface FaultPause {
  readonly reason: PauseReason
  /** What the org or the network reported, and what to do about it. */
  readonly message: string
  /** Failures in a row. */
  readonly failures: number
  /** Also identifies the fault: news about an earlier fault does not end this one. */
  readonly since: number
  /** From this time on a job may probe. */
  readonly until: number
  /** End of our own delay, if a server's Retry-After makes `until` later. */
  readonly own?: number | undefined
  /** The current probe, and when its lease ends. */
  readonly probe?: string | undefined
  readonly lease?: number | undefined
}

export async function pauseState(redis: RedisClient, keys: OrgKeys): Promise<PauseState> {
  return parseState(await redis.hmget(keys.pause, 'operator', 'fault'))
}

// Once requested, aborting stays: another operator's plain pause must not undo it.
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
    /** An operator's pause: no new ingest job begins; with `abort`, running ones are aborted. */
    async pause(abort: boolean): Promise<void> {
      await runScript(ledger, PAUSE, { pause: keys.pause, mode: abort ? 'abort' : 'let-run' })
    },

    /** Withdraws an operator's pause; an org fault stays until a probe succeeds. */
    async resume(): Promise<void> {
      await runScript(ledger, RESUME, { pause: keys.pause })
    },
  }
}
