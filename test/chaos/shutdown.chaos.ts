import { setTimeout as delay } from 'node:timers/promises'
import { startRedis, type TestRedis } from '../helpers/redis.ts'
import { check } from './helpers/audit.ts'
import type { Chaos } from './helpers/chaos.ts'
import { recordsOf } from './helpers/records.ts'
import { OwnScope } from './helpers/scope.ts'
import { openStage, type Stage } from './helpers/stage.ts'
import { receipt, submit } from './helpers/story.ts'
import { within } from './helpers/wait.ts'

/**
 * SIGTERM to a worker that has fifty ingest jobs at work, while more wait in the queue: it ends in
 * time, and the next worker goes on with exactly these before it takes anything else.
 */

const WINDOW = 50
const CHUNKS = 70
const LONGEST_EXIT_MS = 10_000
/** Long enough for the jobs to be handed over while all of them run. */
const HELD_MS = 12_000

export async function shutdown(chaos: Chaos): Promise<void> {
  const redis = await startRedis(chaos.scope, { appendOnly: true })
  await Promise.all([
    handedOver('to a worker that waits for them', true, redis, chaos),
    handedOver('to a worker that comes later', false, redis, chaos),
  ])
}

async function handedOver(
  how: string,
  isWaiting: boolean,
  redis: TestRedis,
  chaos: Chaos,
): Promise<void> {
  await using scope = new OwnScope(chaos.scope)
  const stage = await openStage(scope, {
    redis,
    records: recordsOf({ count: 10 * CHUNKS, from: 3000 }),
    org: { maxJobRecords: 10, maxInFlight: WINDOW, urgentInFlight: 1 },
    faults: [{ on: 'job', times: WINDOW, action: { do: 'hold', ms: HELD_MS } }],
  })
  const { referee } = stage.world.sandbox
  const first = await stage.startWorker()
  await submit(stage)
  await within(
    60_000,
    'a full window',
    referee.until(({ jobsAtWork }) => jobsAtWork === WINDOW),
  )
  const before = await activeJobs(stage)
  if (isWaiting) await stage.startWorker()

  const began = performance.now()
  first.kill('SIGTERM')
  chaos.tally.fault('SIGTERM of a worker')
  const { code } = await within(2 * LONGEST_EXIT_MS, 'an end after SIGTERM', first.ended)
  const took = performance.now() - began
  chaos.tally.took('SIGTERM to exit', took / 1000)
  if (!isWaiting) await stage.startWorker()
  const after = await within(60_000, 'a full window again', fullWindow(stage))

  const complaints = [
    ...check('exit code', code, 0),
    ...(took < LONGEST_EXIT_MS ? [] : [`it ended after ${Math.round(took)} ms`]),
    ...check('jobs at work', [...after.keys()].sort().join(), [...before.keys()].sort().join()),
    ...check('jobs created meanwhile', referee.stats().calls['create']?.received, WINDOW),
    ...check('attempts spent', Math.max(...after.values()), 0),
  ]
  const account = await receipt(stage)
  chaos.tally.settled(account)
  for (const complaint of [...complaints, ...(await stage.audit(account))]) {
    chaos.fail(`SIGTERM, handed over ${how}: ${complaint}`)
  }
  chaos.say(`${WINDOW} ingest jobs handed over ${how}: exit after ${Math.round(took)} ms`)
}

/** BullMQ's active jobs, and how many attempts each has spent. */
async function activeJobs({ world }: Stage): Promise<ReadonlyMap<string, number>> {
  const jobs = await (await world.store.queues())['ingest-jobs'].getActive()
  return new Map(jobs.map((job) => [job.id ?? '', job.attemptsMade]))
}

async function fullWindow(stage: Stage): Promise<ReadonlyMap<string, number>> {
  for (;;) {
    const jobs = await activeJobs(stage)
    if (jobs.size === WINDOW) return jobs
    await delay(20)
  }
}
