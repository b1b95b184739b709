import { z } from 'zod'
import { count } from '../contract/receipt.ts'
import type { Priority } from '../contract/request.ts'
import { freeAt } from './forecast.ts'
import type { OrgStore } from './org-store.ts'
import { costOfJob, type DailyAllowance, freeFor, parseQuota, QUOTA_LIMITS } from './quota.ts'
import { redisNow } from './redis/server-clock.ts'

/** Which daily allowance a request waits for, because the rest of it is reserved. */

export const quotaSchema = z.object({
  reason: z
    .literal('quota')
    .describe("What is left of a daily allowance is reserved for the org's other users."),
  allowance: z.enum(QUOTA_LIMITS),
  left: count.describe('What is left of it, without what running ingest jobs still use.'),
  max: count.describe('The whole allowance of 24 hours.'),
  ahead: count.describe('Ingest jobs that wait for it longer.'),
  until: z.iso
    .datetime()
    .nullable()
    .describe(
      'When enough of what Expunge used is back, so that its next ingest job may start; null if that depends on other users.',
    ),
})
type QuotaHold = Readonly<z.output<typeof quotaSchema>>

/**
 * Null if none of the orders is put aside for an allowance, or all may start now.
 *
 * @param orders ingest orders of the request's open chunks
 */
export async function quotaHoldOf(
  { redis, ledger }: Pick<OrgStore, 'redis' | 'ledger'>,
  priority: Priority,
  orders: readonly string[],
): Promise<QuotaHold | null> {
  const { held, quota, settings } = ledger.keys
  if (orders.length === 0) return null
  const scores = await redis.zmscore(held, ...orders)
  const order = orders.find((_, at) => scores[at] !== null)
  if (order === undefined) return null
  const [now, hash, reserves, rank, waiting] = await Promise.all([
    redisNow(redis),
    redis.hgetall(quota),
    redis.hmget(settings, 'reservedCalls', 'reservedBatches'),
    redis.zrank(held, order),
    ledger.ingestOrder(order),
  ])
  if (rank === null || waiting === null) return null
  const cost = costOfJob(waiting.order.chunks.reduce((sum, chunk) => sum + chunk.count, 0))
  const known = parseQuota(hash, now)
  for (const [at, allowance] of QUOTA_LIMITS.entries()) {
    const report = known.get(allowance)
    const percent = reserves[at]
    if (report === undefined || percent === null || percent === undefined) continue
    const free = freeFor(report, priority, Number(percent))
    const needed = neededOf(report, cost[allowance], priority, Number(percent))
    if (free >= needed) continue
    const until = freeAt({ free, used: report.used }, needed, now)
    return {
      ...{ reason: 'quota', allowance, ahead: rank, max: report.max },
      left: Math.max(0, report.remaining - report.booked),
      until: until === null ? null : new Date(until).toISOString(),
    }
  }
  return null
}

/** As in `booking.ts`: a job that costs more than half of what its priority may use needs half. */
function neededOf(
  report: DailyAllowance,
  cost: number,
  priority: Priority,
  percent: number,
): number {
  const most = freeFor({ ...report, remaining: report.max, booked: 0 }, priority, percent)
  return Math.max(1, Math.min(cost, Math.floor(most / 2)))
}
