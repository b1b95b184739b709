import { z } from 'zod'
import type { RedisClient } from '../../../src/shared/store/redis/redis.ts'

/**
 * What an org keeps in Redis when no request is live: its index, facts, tombstones, what callers have
 * spent, and BullMQ's own. Ended jobs of the door stay for the retention, without their ids.
 */
const KEPT = [
  /^(requests|folders:[0-9a-f-]{36}|identity|settings|sweeper|workers|runs|quota|quota-turn)$/,
  /^(request|tombstone|spent|unapproved):[^:]*$/,
  /^[a-z-]+:(meta|events|marker|id|stalled-check)$/,
  /^requests:(completed|failed)$/,
]

/** A job of the door, by the id that callers are told to give it. */
const DOOR_JOB = /^requests:r-[^:]+$/
/** What is left of its data. */
const enteredSchema = z.strictObject({ request: z.string() })

/** Keys of the org that nobody needs any more: staged ids, open chunks, orders, flags, jobs. */
export async function leftovers(redis: RedisClient, org: string): Promise<readonly string[]> {
  const prefix = `{expunge-${org}}:`
  const keys = (await redis.keys(`${prefix}*`)).map((key) => key.slice(prefix.length)).sort()
  const complaints: string[] = []
  for (const key of keys.filter((key) => !KEPT.some((kept) => kept.test(key)))) {
    if (!DOOR_JOB.test(key)) complaints.push(`left in Redis: ${key}`)
    else if (await keepsIds(redis, prefix + key)) complaints.push(`ids left in Redis: ${key}`)
  }
  return complaints
}

async function keepsIds(redis: RedisClient, job: string): Promise<boolean> {
  const data: unknown = JSON.parse((await redis.hget(job, 'data')) ?? 'null')
  return !enteredSchema.safeParse(data).success
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
