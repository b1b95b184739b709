/**
 * What single erasures cost Salesforce, with and without shared ingest jobs: ingest jobs, daily
 * batches and API calls, and how soon there is a receipt.
 *
 * 1. 1,000 requests of ten ids, submitted within seconds.
 * 2. A day of 50 single erasures a minute. Time runs faster by a factor: requests come so much
 *    sooner, and gather for so much shorter. The figures of the hours measured are counted for a day.
 * 3. A `high` request alone in the queue, from submit to receipt, beyond the time of the server.
 *
 *   node bench/coalesce.ts [hours, default 24] [times as fast, default 100]
 */
import { argv } from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { deleteIds, receiptOf, submitIds } from '../test/helpers/deletion.ts'
import { ids18 } from '../test/helpers/ids.ts'
import { startRedis } from '../test/helpers/redis.ts'
import { inReverse } from '../test/helpers/scope.ts'
import { startWorld, type World } from '../test/helpers/world.ts'
import { median } from './median.ts'

const DEFAULTS = { below: 2000, fill: 10_000, waitMs: 30_000, highWaitMs: 2000 }
const ALONE = { ...DEFAULTS, below: 0 }
const A_MINUTE = 50
const SERVER_MS = 500

const hours = Number(argv[2] ?? 24)
const factor = Number(argv[3] ?? 100)
const closers: (() => Promise<void>)[] = []
const scope = inReverse((close) => closers.push(close))
try {
  const redis = await startRedis(scope)
  const worldOf = async (coalesce: typeof DEFAULTS, queueDelayMs = 0) => {
    const org = { maxInFlight: 25 }
    const world = await startWorld(scope, { redis, org, sandbox: { queueDelayMs } })
    await world.startWorker({ coalesce })
    return world
  }
  console.log('| what | requests | ingest jobs | batches | API calls |\n|---|---|---|---|---|')
  const hurried = { ...DEFAULTS, waitMs: DEFAULTS.waitMs / factor }
  await burst('1,000 requests of ten ids, shared', await worldOf(DEFAULTS))
  await day('a day of 50 single erasures a minute, shared', await worldOf(hurried))
  await burst('1,000 requests of ten ids, each alone', await worldOf(ALONE))
  await day('a day of 50 single erasures a minute, each alone', await worldOf(ALONE))
  await latency(await worldOf(DEFAULTS, SERVER_MS))
} finally {
  for (const close of closers) await close()
}

async function burst(what: string, world: World): Promise<void> {
  const requests = Array.from({ length: 1000 }, (_, n) => submitIds(world, ids18(10, 10 * n)))
  const receipts = await Promise.all(requests.map(async (id) => receiptOf(world, await id)))
  const deleted = receipts.reduce((sum, { outcome }) => sum + (outcome?.deleted ?? 0), 0)
  if (deleted !== 10_000) throw new Error(`Expected 10,000 deleted ids, got ${deleted}`)
  tell(what, 1000, world, 1)
}

async function day(what: string, world: World): Promise<void> {
  const count = Math.round(hours * 60 * A_MINUTE)
  const everyMs = 60_000 / A_MINUTE / factor
  const begin = performance.now()
  const receipts = []
  for (let n = 0; n < count; n++) {
    await delay(Math.max(0, begin + n * everyMs - performance.now()))
    receipts.push(submitIds(world, ids18(1, n)).then((id) => receiptOf(world, id)))
  }
  const deleted = (await Promise.all(receipts)).filter(({ outcome }) => outcome?.deleted === 1)
  if (deleted.length !== count) throw new Error(`Expected ${count} ids, got ${deleted.length}`)
  tell(what, count, world, 24 / hours)
}

function tell(what: string, requests: number, { sandbox }: World, times: number): void {
  const { jobs, bulkApiBatches, apiRequests } = sandbox.referee.stats()
  const cells = [requests, jobs.length, bulkApiBatches, apiRequests].map((figure) =>
    Math.round(figure * times).toLocaleString('en'),
  )
  console.log(`| ${what} | ${cells.join(' | ')} |`)
}

async function latency(world: World): Promise<void> {
  const times = []
  for (let n = 0; n < 10; n++) {
    const begin = performance.now()
    await deleteIds(world, ids18(1, n), { priority: 'high' })
    times.push(performance.now() - begin - SERVER_MS)
  }
  const [from = 0, to = 0] = [Math.min(...times), Math.max(...times)].map(Math.round)
  console.log(
    `\n\`high\`, alone, submit to receipt beyond ${SERVER_MS} ms of the server: ` +
      `median ${Math.round(median(times))} ms, from ${from} to ${to} ms`,
  )
}
