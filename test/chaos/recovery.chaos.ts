import { setTimeout as delay } from 'node:timers/promises'
import { startRedis, type TestRedis } from '../helpers/redis.ts'
import type { Chaos } from './helpers/chaos.ts'
import { recordsOf } from './helpers/records.ts'
import { OwnScope } from './helpers/scope.ts'
import { openStage, type Stage } from './helpers/stage.ts'
import { receipt, submit } from './helpers/story.ts'
import { within } from './helpers/wait.ts'

/**
 * kill -9 of a worker under the locks that are used in production: how long until each of its
 * ingest jobs is held by another worker. Measured from the kill to the moment when the lock of the
 * BullMQ job carries another worker's token.
 */

const LOCKS = { lockMs: 10_000, stalledMs: 5000 }
const PROMISED_MS = 21_000

/** Deaths, each in an org of its own, at another moment between two renewals of the locks. */
const DEATHS = 6
const JOBS = 4
const BETWEEN_MS = 900

export async function recovery(chaos: Chaos): Promise<void> {
  const redis = await startRedis(chaos.scope, { appendOnly: true })
  const deaths = Array.from({ length: DEATHS }, (_, n) => death(n, redis, chaos))
  const times = (await Promise.all(deaths)).flat().sort((a, b) => a - b)
  for (const ms of times) {
    chaos.tally.took('kill -9 to its job held elsewhere (locks of 10 s, 5 s)', ms / 1000)
  }
  const [shortest = 0, longest = 0] = [times[0], times.at(-1)]
  chaos.say(
    `${times.length} jobs of ${DEATHS} dead workers: held elsewhere after ${Math.round(shortest)} to ${Math.round(longest)} ms`,
  )
  if (longest > PROMISED_MS) chaos.fail(`recovery took ${Math.round(longest)} ms`)
}

async function death(n: number, redis: TestRedis, chaos: Chaos): Promise<readonly number[]> {
  await using scope = new OwnScope(chaos.scope)
  const stage = await openStage(scope, {
    redis,
    records: recordsOf({ count: 10 * JOBS, from: 5000 }),
    org: { maxJobRecords: 10, maxInFlight: JOBS, urgentInFlight: 1 },
    faults: [{ on: 'job', times: JOBS, action: { do: 'hold', ms: 10_000 } }],
    locks: LOCKS,
  })
  const { referee } = stage.world.sandbox
  const victim = await stage.startWorker()
  await submit(stage)
  await within(
    60_000,
    'its jobs at work',
    referee.until(({ jobsAtWork }) => jobsAtWork === JOBS),
  )
  await stage.startWorker()
  await delay(n * BETWEEN_MS)

  const before = await holders(stage)
  const began = performance.now()
  victim.kill('SIGKILL')
  chaos.tally.fault('SIGKILL of a worker')
  const times = await within(60_000, 'its jobs held elsewhere', takenOver(stage, before, began))
  const account = await receipt(stage)
  chaos.tally.settled(account)
  for (const complaint of await stage.audit(account)) {
    chaos.fail(`recovery after kill -9: ${complaint}`)
  }
  return times
}

/** The token in the lock of each ingest job, by the job. */
async function holders({ world }: Stage): Promise<ReadonlyMap<string, string | null>> {
  const { redis, ledger } = world.store
  const jobs = await (await world.store.queues())['ingest-jobs'].getActive()
  const locked = jobs.map(async ({ id = '' }) => {
    const token = await redis.get(ledger.keys.lock({ queue: 'ingest-jobs', jobId: id }))
    return [id, token] as const
  })
  return new Map(await Promise.all(locked))
}

/** Milliseconds until each of the jobs had another holder. */
async function takenOver(
  stage: Stage,
  before: ReadonlyMap<string, string | null>,
  began: number,
): Promise<readonly number[]> {
  const times = new Map<string, number>()
  while (times.size < before.size) {
    for (const [job, token] of await holders(stage)) {
      if (token === null || token === before.get(job) || times.has(job)) continue
      times.set(job, performance.now() - began)
    }
    await delay(20)
  }
  return [...times.values()]
}
