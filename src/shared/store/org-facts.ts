import { PRIORITIES } from '../contract/request.ts'
import { LIVE_STATUSES, type LiveStatus } from '../contract/status.ts'
import { readGathering } from './ledger/gather.ts'
import { type OrgKeys, orgKeys } from './ledger/keys.ts'
import { scoresOf, submittedAtOf } from './ledger/live.ts'
import { type PauseState, pauseState } from './ledger/pause.ts'
import { whoIsAtWork } from './presence.ts'
import { HAND_OVER_PRIORITY, LINES, laneOf, QUEUES, type QueueName } from './queues/queues.ts'
import { type QuotaState, readQuotaState } from './quota-state.ts'
import type { RedisClient } from './redis/redis.ts'
import { redisNow } from './redis/server-clock.ts'

/**
 * The state of an org over all processes: a few dozen small commands, none of which iterates over
 * requests or jobs.
 */
export interface OrgFacts {
  readonly org: string
  readonly requests: ReadonlyMap<LiveStatus, Standing>
  readonly queues: ReadonlyMap<QueueName, QueueFacts>
  /** Maximum ingest jobs at once; null if no worker has set it yet. */
  readonly maxInFlight: number | null
  readonly urgentInFlight: number | null
  readonly pause: PauseState
  readonly quota: QuotaState
  readonly workers: number
  readonly gathering: Awaited<ReturnType<typeof readGathering>>
}

interface Standing {
  readonly count: number
  /** Since the oldest was submitted; 0 if there is none. */
  readonly oldestSeconds: number
}

interface QueueFacts {
  /** Includes ingest orders that stand in their request's line; see `ledger/turns.ts`. */
  readonly waiting: number
  readonly active: number
  /** Put aside until later. */
  readonly delayed: number
  /** Since the oldest waiting job was ordered; 0 if none waits. */
  readonly oldestSeconds: number
}

export async function readOrgFacts(redis: RedisClient, org: string): Promise<OrgFacts> {
  const keys = orgKeys(org)
  const now = await redisNow(redis)
  const [requests, queues, limits, pause, quota, { workers }, gathering] = await Promise.all([
    all(LIVE_STATUSES, (status) => standing(redis, keys, status, now)),
    all(QUEUES, (queue) => queueFacts(redis, keys, queue, now)),
    redis.hmget(keys.settings, 'maxInFlight', 'urgentInFlight'),
    pauseState(redis, keys),
    readQuotaState(redis, keys, now),
    whoIsAtWork(redis, keys),
    readGathering(redis, keys),
  ])
  const [maxInFlight, urgentInFlight] = limits.map((value) =>
    value === null ? null : Number(value),
  )
  return {
    org,
    requests,
    queues,
    maxInFlight: maxInFlight ?? null,
    urgentInFlight: urgentInFlight ?? null,
    pause,
    quota,
    workers,
    gathering,
  }
}

async function all<Key, Value>(
  names: readonly Key[],
  read: (name: Key) => Promise<Value>,
): Promise<ReadonlyMap<Key, Value>> {
  return new Map(await Promise.all(names.map(async (name) => [name, await read(name)] as const)))
}

async function standing(
  redis: RedisClient,
  { live }: OrgKeys,
  status: LiveStatus,
  now: number,
): Promise<Standing> {
  const [from, to] = scoresOf(status)
  const [count, [, score]] = await Promise.all([
    redis.zcount(live, from, to),
    redis.zrangebyscore(live, from, to, 'WITHSCORES', 'LIMIT', 0, 1),
  ])
  const oldest = score === undefined ? now : submittedAtOf(Number(score))
  return { count, oldestSeconds: secondsBetween(oldest, now) }
}

async function queueFacts(
  redis: RedisClient,
  keys: OrgKeys,
  queue: QueueName,
  now: number,
): Promise<QueueFacts> {
  const priorities = PRIORITIES.filter((priority) => laneOf(priority) === queue)
  const [first, inTurn, active, delayed, ...lined] = await Promise.all([
    redis.llen(keys.jobs(queue, 'wait')),
    redis.zcard(keys.jobs(queue, 'prioritized')),
    redis.llen(keys.jobs(queue, 'active')),
    redis.zcard(keys.jobs(queue, 'delayed')),
    ...priorities.map((priority) => redis.hget(keys.turns(priority), 'lined')),
  ])
  const waiting = lined.reduce((sum, count) => sum + Number(count ?? 0), first + inTurn)
  const oldest = waiting === 0 ? now : await oldestOf(redis, keys, queue, now)
  return { waiting, active, delayed, oldestSeconds: secondsBetween(oldest, now) }
}

/** BullMQ's score of a waiting job: its priority times this, plus a counter. */
const PRIORITY_SPAN = 2 ** 32

/** The score ranges of our priorities, and of callers' priorities in between. */
const RANGES = [...LINES, null].flatMap((priority, at): readonly Range[] => {
  const from = ((LINES[at - 1] ?? HAND_OVER_PRIORITY) + 1) * PRIORITY_SPAN
  if (priority === null) return [{ from, to: '+inf' }]
  const own = priority * PRIORITY_SPAN
  return [
    { from, to: `(${own}` },
    { from: own, to: `(${own + PRIORITY_SPAN}` },
  ]
})

interface Range {
  readonly from: number
  readonly to: string
}

/**
 * When the oldest waiting job was ordered: in each priority the first job is the oldest, and one
 * end of the list of jobs that bypass priorities is the oldest there.
 */
async function oldestOf(
  redis: RedisClient,
  keys: OrgKeys,
  queue: QueueName,
  now: number,
): Promise<number> {
  const [wait, lines] = [keys.jobs(queue, 'wait'), keys.jobs(queue, 'prioritized')]
  const ids = await Promise.all([
    redis.lindex(wait, 0),
    redis.lindex(wait, -1),
    ...RANGES.map(({ from, to }) => redis.zrangebyscore(lines, from, to, 'LIMIT', 0, 1)),
  ])
  const known = ids.flat().filter((id) => id !== null)
  const times = await Promise.all(known.map((id) => redis.hget(keys.job(queue, id), 'timestamp')))
  // A job that was taken meanwhile no longer waits.
  return Math.min(now, ...times.filter((time) => time !== null).map(Number))
}

const secondsBetween = (from: number, to: number): number => Math.max(0, to - from) / 1000
