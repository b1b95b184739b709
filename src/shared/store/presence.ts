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

/** A worker's sign of life. Those of workers that died are forgotten by the way. */
export function workerSign({ redis, org, ledger }: Place, worker: string) {
  const { workers } = ledger.keys
  return {
    async give(): Promise<void> {
      const now = await redisNow(redis)
      await Promise.all([
        redis.zadd(ORGS, now, org),
        redis.zadd(workers, now, worker),
        redis.zremrangebyscore(workers, '-inf', now - ALIVE_MS),
        redis.pexpire(workers, ALIVE_MS),
      ])
    },
    async takeBack(): Promise<void> {
      await redis.zrem(workers, worker)
    },
  }
}

/**
 * A sign that a `run` is at work on its request; it is no worker, for it does nobody else's work. Those
 * of runs that died are forgotten by the way.
 */
export function runSign({ redis, ledger }: Place, request: string) {
  const { runs } = ledger.keys
  const id = request.toLowerCase()
  return {
    async give(): Promise<void> {
      const now = await redisNow(redis)
      await Promise.all([
        redis.zadd(runs, now, id),
        redis.zremrangebyscore(runs, '-inf', now - ALIVE_MS),
        redis.pexpire(runs, ALIVE_MS),
      ])
    },
    async takeBack(): Promise<void> {
      await redis.zrem(runs, id)
    },
  }
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
