import type { Priority } from '../contract/request.ts'
import { countHeld } from './booking.ts'
import { endsAt, freeAt, hourlyUse, runsOutAt, type Spendable } from './forecast.ts'
import type { OrgKeys } from './ledger/keys.ts'
import {
  batchesOf,
  freeFor,
  parseQuota,
  QUOTA_LIMITS,
  type QuotaCost,
  type QuotaLimit,
  type QuotaReserve,
} from './quota.ts'
import type { RedisClient } from './redis/redis.ts'

/** What is left of an org's daily allowances, what waits for them, and until when. */
export interface QuotaState {
  /** Those that Salesforce has reported within the last hour. */
  readonly allowances: ReturnType<typeof parseQuota>
  readonly reserve: QuotaReserve
  /** Ingest jobs that wait for quota. */
  readonly held: Readonly<Record<Priority, number>>
  /** Redis's time of this state, in milliseconds. */
  readonly now: number
}

/** Until a worker has set the org's own. */
const USUAL_RESERVE: QuotaReserve = { DailyApiRequests: 20, DailyBulkApiBatches: 10 }

export async function readQuotaState(
  redis: RedisClient,
  keys: OrgKeys,
  now: number,
): Promise<QuotaState> {
  const [hash, [calls = null, batches = null], held] = await Promise.all([
    redis.hgetall(keys.quota),
    redis.hmget(keys.settings, 'reservedCalls', 'reservedBatches'),
    countHeld(redis, keys),
  ])
  const reserve = {
    DailyApiRequests: calls === null ? USUAL_RESERVE.DailyApiRequests : Number(calls),
    DailyBulkApiBatches: batches === null ? USUAL_RESERVE.DailyBulkApiBatches : Number(batches),
  }
  return { allowances: parseQuota(hash, now), reserve, held, now }
}

/** Which allowance the waiting ingest jobs of a priority wait for; null if none waits. */
interface QuotaHold {
  readonly limit: QuotaLimit
  /** When our own use makes room, in milliseconds; null if that depends on other users. */
  readonly until: number | null
}

/** @param cost of the one that waits; the least by default */
export function quotaHold(
  state: QuotaState,
  priority: Priority,
  cost?: QuotaCost,
): QuotaHold | null {
  if (state.held[priority] === 0) return null
  for (const limit of QUOTA_LIMITS) {
    const spendable = spendableOf(state, limit, priority)
    if (spendable === null) continue
    const needed = neededOf(state, limit, priority, cost?.[limit] ?? 1)
    if (spendable.free < needed) return { limit, until: freeAt(spendable, needed, state.now) }
  }
  return null
}

/** As in `booking.ts`: a job that costs more than half of what its priority may use needs half. */
function neededOf(
  { allowances, reserve }: QuotaState,
  limit: QuotaLimit,
  priority: Priority,
  cost: number,
): number {
  const { max } = allowances.get(limit) ?? { max: 0 }
  const most = freeFor({ max, remaining: max, booked: 0 }, priority, reserve[limit])
  return Math.max(1, Math.min(cost, Math.floor(most / 2)))
}

/** When `normal` has to wait for an allowance at the current rate; null if it does not within a day. */
export function runOut(state: QuotaState, limit: QuotaLimit): number | null {
  const spendable = spendableOf(state, limit, 'normal')
  if (spendable === null) return null
  return runsOutAt(spendable, hourlyUse(spendable.used, state.now), state.now)
}

/** What a plan takes of the org's daily batches, beside what is left of them. */
export interface PlanCost {
  readonly batches: number
  /** What is left of the last 24 hours, without bookings; null if Salesforce does not tell. */
  readonly left: number | null
  /** What the request's priority may use of that now; null if unknown. */
  readonly free: number | null
  /** Days that the batches take at least, 0 for today; null if that cannot be told. */
  readonly days: number | null
}

const DAY_MS = 24 * 3600_000

export function costOfPlan(
  state: QuotaState,
  plan: Parameters<typeof batchesOf>[0],
  priority: Priority,
): PlanCost {
  const batches = batchesOf(plan)
  const allowance = state.allowances.get('DailyBulkApiBatches')
  const spendable = spendableOf(state, 'DailyBulkApiBatches', priority)
  if (allowance === undefined || spendable === null) {
    return { batches, left: null, free: null, days: null }
  }
  const end = endsAt(spendable, batches, state.now)
  return {
    batches,
    left: Math.max(0, allowance.remaining - allowance.booked),
    free: Math.max(0, spendable.free),
    days: end === null ? null : Math.ceil((end - state.now) / DAY_MS),
  }
}

function spendableOf(
  { allowances, reserve }: QuotaState,
  limit: QuotaLimit,
  priority: Priority,
): Spendable | null {
  const allowance = allowances.get(limit)
  if (allowance === undefined || allowance.max <= 0) return null
  return { free: freeFor(allowance, priority, reserve[limit]), used: allowance.used }
}
