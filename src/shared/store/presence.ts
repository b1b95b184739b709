import type { OrgStore } from './org-store.ts'
import type { RedisClient } from './redis/redis.ts'
import { redisNow } from './redis/server-clock.ts'

/**
 * Which workers live, and which orgs are worked for: sorted sets by the last sign of life, in Redis's
 * own time. Whoever dies gives no more signs; nobody has to notice.
 */

/** Sorted set: orgs by when a worker last worked for them. No org's name can have a colon in it. */
const ORGS = '{expunge:orgs}'

/** How often a worker gives a sign. */
export const BEAT_MS = 5_000
/** Without a sign for so long a worker counts as gone. */
export const ALIVE_MS = 15_000
/** Without a worker for so long an org is forgotten, unless a configuration has it. */
const KNOWN_MS = 30 * 24 * 3600_000

type Place = Pick<OrgStore, 'redis' | 'org' | 'ledger'>

/** A sign of life. Those of workers that died are forgotten by the way. */
export async function beat({ redis, org, ledger }: Place, worker: string): Promise<void> {
  const { workers } = ledger.keys
  const now = await redisNow(redis)
  await Promise.all([
    redis.zadd(ORGS, now, org),
    redis.zadd(workers, now, worker),
    redis.zremrangebyscore(workers, '-inf', now - ALIVE_MS),
    redis.pexpire(workers, ALIVE_MS),
  ])
}

export async function leave({ redis, ledger }: Place, worker: string): Promise<void> {
  await redis.zrem(ledger.keys.workers, worker)
}

/**
 * A sign that a `run` is at work on its request; it is no worker, for it does nobody else's work. Those
 * of runs that died are forgotten by the way.
 */
export async function beatRun({ redis, ledger }: Place, request: string): Promise<void> {
  const { runs } = ledger.keys
  const now = await redisNow(redis)
  await Promise.all([
    redis.zadd(runs, now, request.toLowerCase()),
    redis.zremrangebyscore(runs, '-inf', now - ALIVE_MS),
    redis.pexpire(runs, ALIVE_MS),
  ])
}

export async function leaveRun({ redis, ledger }: Place, request: string): Promise<void> {
  await redis.zrem(ledger.keys.runs, request.toLowerCase())
}

/** Whether a `run` has lately given a sign that it is at work on the request. */
export async function isRunAtWork({ redis, ledger }: Place, request: string): Promise<boolean> {
  const [now, sign] = await Promise.all([
    redisNow(redis),
    redis.zscore(ledger.keys.runs, request.toLowerCase()),
  ])
  return sign !== null && Number(sign) > now - ALIVE_MS
}

/** Orgs that workers have worked for lately. */
export async function orgsWorkedFor(redis: RedisClient): Promise<readonly string[]> {
  return redis.zrangebyscore(ORGS, (await redisNow(redis)) - KNOWN_MS, '+inf')
}
