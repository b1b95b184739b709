import { z } from 'zod'
import { count } from '../contract/receipt.ts'
import type { Priority } from '../contract/request.ts'
import { rowsOf } from './ledger/chunk.ts'
import type { OrgStore } from './org-store.ts'
import { costOfJob, QUOTA_LIMITS } from './quota.ts'
import { quotaHold, readQuotaState } from './quota-state.ts'
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
type QuotaWaiting = Readonly<z.output<typeof quotaSchema>>

/**
 * Null if none of the orders is put aside for an allowance, or all may start now.
 *
 * @param orders ingest orders of the request's open chunks
 */
export async function quotaHoldOf(
  { redis, ledger }: Pick<OrgStore, 'redis' | 'ledger'>,
  priority: Priority,
  orders: readonly string[],
): Promise<QuotaWaiting | null> {
  if (orders.length === 0) return null
  const { keys } = ledger
  const scores = await redis.zmscore(keys.held, ...orders)
  const order = orders.find((_, at) => scores[at] !== null)
  if (order === undefined) return null
  const [state, rank, waiting] = await Promise.all([
    redisNow(redis).then((now) => readQuotaState(redis, keys, now)),
    redis.zrank(keys.held, order),
    ledger.ingestOrder(order),
  ])
  if (rank === null || waiting === null) return null
  const { chunks } = waiting.order
  const hold = quotaHold(state, priority, costOfJob(rowsOf({ chunks })))
  if (hold === null) return null
  const { limit: allowance, until } = hold
  const { max = 0, remaining = 0, booked = 0 } = state.allowances.get(allowance) ?? {}
  return {
    ...{ reason: 'quota', allowance, ahead: rank, max },
    left: Math.max(0, remaining - booked),
    until: until === null ? null : new Date(until).toISOString(),
  }
}
