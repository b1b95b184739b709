import { type Job, Queue } from 'bullmq'
import { createLogger } from '../../src/shared/base/logger.ts'
import { leapingClock } from './clock.ts'
import { id18 } from './ids.ts'
import { poll } from './poll.ts'
import { startRedis } from './redis.ts'
import { startWorld } from './world.ts'

/** An id that the door has made of a job. */
export const GENERATED = /^\d{8}-\d{6}-[0-9a-z]{12}$/

/** The job as it is kept, once it has ended. */
export async function endedJob(queue: Queue, id: string | undefined): Promise<Job> {
  await poll(async () => {
    const state = await queue.getJobState(id ?? '')
    return state === 'completed' || state === 'failed' ? state : null
  })
  const job: Job | undefined = await queue.getJob(id ?? '')
  if (job === undefined) throw new Error(`expected a job ${id}`)
  return job
}

/** A world with a worker, its log, and the queue by which others submit to it. */
export async function startDoor(scope: { after(fn: () => Promise<void>): void }) {
  const redis = await startRedis(scope)
  const lines: Record<string, unknown>[] = []
  const log = createLogger({
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  })
  const world = await startWorld(scope, { redis, clock: leapingClock(), log })
  await world.startWorker()
  const options = { connection: { url: redis.url }, prefix: `{expunge-${world.org}}` }
  const queue = new Queue('requests', options)
  scope.after(() => queue.close())
  let used = 0
  /** Of two ids that no other request has. */
  const request = (fields: Record<string, unknown> = {}) => {
    const source = { type: 'ids', ids: [id18(used++), id18(used++)] }
    return { org: world.org, object: 'Contact', source, ...fields }
  }
  return { redis, lines, world, options, queue, request }
}
