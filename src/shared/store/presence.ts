import type { OrgKeys } from './ledger/keys.ts'
import type { OrgStore } from './org-store.ts'
import type { RedisClient } from './redis/redis.ts'
import { redisNow } from './redis/server-clock.ts'

/**
 * Which workers are alive, and which orgs have workers: sorted sets by the last heartbeat, in
 * Redis's own time. Dead workers simply stop sending heartbeats.
 */

/** Sorted set: orgs by when a worker last worked for them. No org name can contain a colon. */
const ORGS = '{expunge:orgs}'

/** Interval between a worker's heartbeats. */
export const BEAT_MS = 5_000
/** Without a heartbeat for this long a worker counts as gone. */
const ALIVE_MS = 15_000
/** Without a worker for this long an org is forgotten, unless a configuration names it. */
const KNOWN_MS = 30 * 24 * 3600_000

type Place = Pick<OrgStore, 'redis' | 'org' | 'ledger'>

/** A worker's heartbeat. It also removes those of dead workers. */
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
 * The heartbeat of a `run` that works on its request. A `run` is not a worker, because it works on
 * no other request. It also removes heartbeats of dead runs.
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

/** Who works for an org. */
interface AtWork {
  readonly workers: number
  /** Requests, in lower case, that a `run` of their own works on. */
  readonly runs: ReadonlySet<string>
  /** When they were counted, by Redis's clock; in milliseconds since the epoch. */
  readonly now: number
}

/** Who has recently sent a heartbeat. A process that was killed counts for a few more seconds. */
export async function whoIsAtWork(redis: RedisClient, keys: OrgKeys): Promise<AtWork> {
  const now = await redisNow(redis)
  const alive = now - ALIVE_MS
  const [workers, runs] = await Promise.all([
    redis.zcount(keys.workers, alive, '+inf'),
    redis.zrangebyscore(keys.runs, alive, '+inf'),
  ])
  return { workers, runs: new Set(runs), now }
}

/** Whether a `run` has recently sent a heartbeat for the request. */
export async function isRunAtWork({ redis, ledger }: Place, request: string): Promise<boolean> {
  return (await whoIsAtWork(redis, ledger.keys)).runs.has(request.toLowerCase())
}

/** Orgs that workers have recently worked for. */
export async function orgsWorkedFor(redis: RedisClient): Promise<readonly string[]> {
  return redis.zrangebyscore(ORGS, (await redisNow(redis)) - KNOWN_MS, '+inf')
}
