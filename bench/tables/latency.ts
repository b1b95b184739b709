/**
 * Jobs that Salesforce takes about half a second for: how soon a worker sees their end, how soon there is
 * a receipt, and how many API calls one clean job costs. Jobs run one after another.
 */
import { deleteIds } from '../../test/helpers/deletion.ts'
import { ids18 } from '../../test/helpers/ids.ts'
import { startRedis } from '../../test/helpers/redis.ts'
import { startWorld, type World } from '../../test/helpers/world.ts'
import { median } from '../median.ts'
import type { Table } from '../table.ts'

/** Spread over one interval of polling, so that the end falls anywhere between two looks. */
const jobMs = (n: number) => 375 + ((n * 97) % 250)
const IDS = 10

export const latency: Table = {
  name: 'latency',
  title:
    'How soon the end of a job of about half a second is seen, and what one job without errors costs',
  size: { full: 20, quick: 2 },
  rounds: 1,
  figure: 'end to receipt ms',
  ways: async (jobs, scope) => {
    const world = await startWorld(scope, { redis: await startRedis(scope) })
    await world.startWorker()
    await deleteOne(world, 0)
    let n = 0
    const measure = async () => {
      const before = callsNow(world)
      const runs: Awaited<ReturnType<typeof deleteOne>>[] = []
      for (let left = jobs; left > 0; left--) runs.push(await deleteOne(world, ++n))
      const spread = (what: keyof (typeof runs)[number]) => runs.map((run) => run[what])
      return {
        'close to seen ms': median(spread('closedToSeen')),
        'end to seen ms': median(spread('finishedToSeen')),
        'end to seen, at most ms': Math.max(...spread('finishedToSeen')),
        'end to receipt ms': median(spread('finishedToReceipt')),
        'end to receipt, at most ms': Math.max(...spread('finishedToReceipt')),
        'calls a job': (callsNow(world) - before) / jobs,
      }
    }
    return [{ name: `${jobs} jobs, one after the other`, measure }]
  },
}

const callsNow = ({ sandbox }: World) => sandbox.referee.stats().apiRequests

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
