import { z } from 'zod'
import type { RedisClient } from '../../../src/shared/redis.ts'

/** What an org keeps in Redis when no request is live: its index, facts, and BullMQ's own. */
const KEPT = [
  /^(requests|folders:[0-9a-f-]{36}|identity|settings|sweeper|workers|runs|quota|quota-turn)$/,
  /^(request|tombstone):[^:]+$/,
  /^[a-z-]+:(meta|events|marker|id|stalled-check)$/,
]

/** Keys of the org that nobody needs any more: staged ids, open chunks, orders, flags, jobs. */
export async function leftovers(redis: RedisClient, org: string): Promise<readonly string[]> {
  const prefix = `{expunge-${org}}:`
  const keys = await redis.keys(`${prefix}*`)
  return keys
    .map((key) => key.slice(prefix.length))
    .filter((key) => !KEPT.some((kept) => kept.test(key)))
    .sort()
    .map((key) => `left in Redis: ${key}`)
}

/** Whether the complaint is of staged ids. */
export const isStaged = (complaint: string): boolean =>
  /^left in Redis: (frames:|staged$)/.test(complaint)

const entrySchema = z.looseObject({ touchedAt: z.number() })

/** Eleven minutes pass for what is staged: of what nobody has claimed the sweep lets ten pass. */
export async function ageStaged(redis: RedisClient, org: string): Promise<void> {
  const key = `{expunge-${org}}:staged`
  for (const [lot, json] of Object.entries(await redis.hgetall(key))) {
    const entry = entrySchema.parse(JSON.parse(json))
    const touchedAt = entry.touchedAt - 11 * 60_000
    await redis.hset(key, lot, JSON.stringify({ ...entry, touchedAt }))
  }
}
