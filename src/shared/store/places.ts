import { z } from 'zod'
import { count } from '../contract/receipt.ts'
import type { OrgKeys } from './ledger/keys.ts'
import type { RequestRecord } from './ledger/record.ts'
import { laneOf, PLAN_JOB, type QueueName } from './queues/queues.ts'
import type { RedisClient } from './redis/redis.ts'

/** Where a request is in line while all places for its next plan or ingest job are taken. */

export const placesSchema = z.object({
  reason: z.literal('places').describe('All places for its next step are taken: it is in line.'),
  work: z.enum(['plan', 'ingest']).describe('Whether it waits to be planned or for an ingest job.'),
  taken: count.describe('Plans or ingest jobs that are running.'),
  limit: count
    .nullable()
    .describe('How many ingest jobs may run at once; null for plans, which each worker limits.'),
  ahead: count.describe('Plans or ingest jobs that start before its next one.'),
  heldBy: z
    .array(z.object({ id: z.string(), places: count }))
    .readonly()
    .describe('Requests whose ingest jobs are running, as far as the reader may see them.'),
})
type Places = Readonly<z.output<typeof placesSchema>>

/** The jobs of each queue that are running, and how many may. A few small commands. */
interface Lines {
  readonly plan: Line
  readonly high: Line
  readonly other: Line
}

interface Line {
  /** Ids of the BullMQ jobs; at most as many as workers run at once. */
  readonly active: readonly string[]
  /** Null if it depends on the workers, or no worker has set it yet. */
  readonly limit: number | null
}

export async function readLines(redis: RedisClient, keys: OrgKeys): Promise<Lines> {
  const read = async (queue: QueueName): Promise<Line> => {
    const [active, limit] = await Promise.all([
      redis.lrange(keys.jobs(queue, 'active'), 0, -1),
      redis.hget(keys.job(queue, 'meta'), 'concurrency'),
    ])
    return { active, limit: limit === null ? null : Number(limit) }
  }
  const [plan, high, other] = await Promise.all([
    read('requests'),
    read('ingest-jobs-urgent'),
    read('ingest-jobs'),
  ])
  return { plan, high, other }
}

/**
 * Null if none of its jobs is in line, one is running, or a place is free: then a worker takes the
 * first job within moments.
 *
 * @param orders ingest orders of its open chunks
 */
export async function placesOf(
  { redis, keys }: { readonly redis: RedisClient; readonly keys: OrgKeys },
  { request: { id, priority }, status }: Pick<RequestRecord, 'request' | 'status'>,
  orders: readonly string[],
  { plan, high, other }: Lines,
): Promise<Places | null> {
  if (status === 'deleting') {
    const line = priority === 'high' ? high : other
    if (line.limit === null || line.active.length < line.limit) return null
    const ahead = await aheadOf({ redis, keys }, laneOf(priority), orders, line)
    if (ahead === null) return null
    const { active, limit } = line
    const heldBy = holders(active)
    return { reason: 'places', work: 'ingest', taken: active.length, limit, ahead, heldBy }
  }
  // Other jobs of this queue take no place for a plan.
  const taken = plan.active.filter((job) => job.startsWith(PLAN_JOB)).length
  if (status !== 'queued' || taken === 0) return null
  const jobs = [`${PLAN_JOB}${id.toLowerCase()}`]
  const ahead = await aheadOf({ redis, keys }, 'requests', jobs, plan)
  if (ahead === null) return null
  return { reason: 'places', work: 'plan', taken, limit: null, ahead, heldBy: [] }
}

/** How many jobs start before the first of these; null if none is in line or one is running. */
async function aheadOf(
  { redis, keys }: { readonly redis: RedisClient; readonly keys: OrgKeys },
  queue: QueueName,
  jobs: readonly string[],
  { active }: Line,
): Promise<number | null> {
  if (jobs.length === 0 || jobs.some((job) => active.includes(job))) return null
  const key = keys.jobs(queue, 'prioritized')
  const next = await earliest(redis, key, jobs)
  if (next === null) return null
  const [rank, handedOver] = await Promise.all([
    redis.zrank(key, next),
    redis.llen(keys.jobs(queue, 'wait')),
  ])
  return rank === null ? null : rank + handedOver
}

/** The job that starts first; null if none is in line. */
async function earliest(
  redis: RedisClient,
  key: string,
  jobs: readonly string[],
): Promise<string | null> {
  const scores = await redis.zmscore(key, ...jobs)
  let next: { readonly job: string; readonly score: number } | null = null
  for (const [at, job] of jobs.entries()) {
    const score = scores[at] ?? null
    if (score === null) continue
    if (next === null || Number(score) < next.score) next = { job, score: Number(score) }
  }
  return next?.job ?? null
}

/**
 * The requests that the orders are named after, the one with most places first. Orders that several
 * small requests share have a name of their own.
 */
function holders(orders: readonly string[]): Places['heldBy'] {
  const byRequest = new Map<string, number>()
  for (const order of orders) {
    const [, id] = /^(.+)\.\d+\.\d+$/.exec(order) ?? []
    if (id !== undefined) byRequest.set(id, (byRequest.get(id) ?? 0) + 1)
  }
  return [...byRequest].map(([id, places]) => ({ id, places })).sort((a, b) => b.places - a.places)
}
