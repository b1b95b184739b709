/**
 * Jobs that Salesforce takes about half a second for: how soon a worker sees their end, how soon
 * there is a receipt, and which API calls one clean job costs. Jobs run one after another.
 *
 *   node bench/latency.ts [jobs, default 20]
 */
import { argv } from 'node:process'
import { deleteIds } from '../test/helpers/deletion.ts'
import { ids18 } from '../test/helpers/ids.ts'
import { startRedis } from '../test/helpers/redis.ts'
import { inReverse } from '../test/helpers/scope.ts'
import { startWorld, type World } from '../test/helpers/world.ts'

/** Spread over one interval of polling, so that the end falls anywhere between two looks. */
const jobMs = (n: number) => 375 + ((n * 97) % 250)
const IDS = 10

const closers: (() => Promise<void>)[] = []
const scope = inReverse((close) => closers.push(close))
try {
  const redis = await startRedis(scope)
  const world = await startWorld(scope, { redis })
  await world.startWorker()
  await deleteOne(world, 0)
  const before = structuredClone(world.sandbox.referee.stats())
  const runs = []
  for (let n = 1; n <= Number(argv[2] ?? 20); n++) runs.push(await deleteOne(world, n))
  const after = world.sandbox.referee.stats()
  for (const what of ['closedToSeen', 'finishedToSeen', 'finishedToReceipt'] as const) {
    console.log(`${what}: ${spread(runs.map((run) => run[what]))} ms`)
  }
  const calls = Object.entries(after.calls).map(([operation, { received }]) => {
    const some = received - (before.calls[operation]?.received ?? 0)
    return `${operation} ${some / runs.length}`
  })
  const all = (after.apiRequests - before.apiRequests) / runs.length
  console.log(
    `API calls of one job: ${all} (${calls.filter((call) => !call.endsWith(' 0')).join(', ')})`,
  )
} finally {
  for (const close of closers) await close()
}

async function deleteOne(world: World, n: number) {
  const { referee } = world.sandbox
  world.sandbox.configure({ queueDelayMs: jobMs(n) })
  const jobs = referee.stats().jobs.length
  const seen = momentOfSight(world, jobs)
  const receipt = await deleteIds(world, ids18(IDS, n * IDS), { coalesce: false })
  const { closedAt, finishedAt } = referee.stats().jobs.at(-1) ?? {}
  if (receipt.outcome?.deleted !== IDS || !closedAt || !finishedAt) {
    throw new Error(`Expected ${IDS} deleted ids, got ${JSON.stringify(receipt)}`)
  }
  return {
    closedToSeen: (await seen) - closedAt,
    finishedToSeen: (await seen) - finishedAt,
    finishedToReceipt: Date.parse(receipt.finishedAt) - finishedAt,
  }
}

/** The first look at the job that is answered after its end; a clean job's results are not asked for. */
async function momentOfSight({ sandbox: { referee } }: World, job: number): Promise<number> {
  const done = await referee.until(({ jobs }) => typeof jobs[job]?.finishedAt === 'number')
  const looks = done.calls['get']?.received ?? 0
  await referee.until(({ calls }) => (calls['get']?.received ?? 0) > looks)
  return Date.now()
}

function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  return `median ${sorted[Math.floor(sorted.length / 2)]}, from ${sorted[0]} to ${sorted.at(-1)}`
}
