/**
 * What single erasures cost Salesforce, with and without shared ingest jobs: ingest jobs, daily batches
 * and API calls. Requests of ten ids, submitted within seconds, and some hours of 50 single erasures a
 * minute, counted for a day. There, time runs 100 times as fast: requests come so much sooner, and gather
 * for so much shorter. Then a `high` request alone in the queue, from submit to receipt.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Receipt } from '../../src/producer/producer.ts'
import { deleteIds, receiptOf, submitIds } from '../../test/helpers/deletion.ts'
import { ids18 } from '../../test/helpers/ids.ts'
import { poll } from '../../test/helpers/poll.ts'
import { startRedis } from '../../test/helpers/redis.ts'
import { inReverse } from '../../test/helpers/scope.ts'
import { startWorld, type World } from '../../test/helpers/world.ts'
import { median } from '../median.ts'
import type { Figures, Scope, Table } from '../table.ts'

const DEFAULTS = { below: 2000, fill: 10_000, waitMs: 30_000, highWaitMs: 2000 }
const ALONE = { ...DEFAULTS, below: 0 }
const FASTER = 100
const A_MINUTE = 50
const MINUTES_A_DAY = 24 * 60
/** Of the hours of erasures, as many times the requests of the burst. */
const ERASURES = 6
const IDS = 10
const SERVER_MS = 500

type Coalesce = typeof DEFAULTS

export const coalesce: Table = {
  name: 'coalesce',
  title: 'What small requests cost Salesforce: submitted at once, and single erasures in a day',
  size: { full: 1000, quick: 10 },
  rounds: 1,
  figure: 'API calls',
  ways: async (requests) => {
    const burstWith = (config: Coalesce) => withWorker(config, 0, (world) => burst(world, requests))
    const dayWith = (config: Coalesce) =>
      withWorker(config, 0, (world) => day(world, ERASURES * requests))
    const [atOnce, ofDay] = ['requests of ten ids', `single erasures, ${A_MINUTE} a minute`]
    const hurried = { ...DEFAULTS, waitMs: DEFAULTS.waitMs / FASTER }
    return [
      { name: `${atOnce}, each alone`, measure: () => burstWith(ALONE) },
      {
        name: `${atOnce}, shared`,
        against: [`${atOnce}, each alone`],
        // So that a small burst departs when it is complete, too.
        measure: () => burstWith({ ...DEFAULTS, fill: Math.min(DEFAULTS.fill, IDS * requests) }),
      },
      { name: `${ofDay}, each alone`, measure: () => dayWith(ALONE) },
      {
        name: `${ofDay}, shared`,
        against: [`${ofDay}, each alone`],
        measure: () => dayWith(hurried),
      },
    ]
  },
}

export const urgent: Table = {
  name: 'urgent',
  title: `A small \`high\` request alone in the queue, beyond ${SERVER_MS} ms of the server`,
  size: { full: 10, quick: 1 },
  rounds: 1,
  figure: 'submit to receipt ms',
  ways: async (requests) => [
    {
      name: 'shared ingest jobs are on',
      measure: () => withWorker(DEFAULTS, SERVER_MS, (world) => latency(world, requests)),
    },
  ],
}

async function withWorker(
  config: Coalesce,
  queueDelayMs: number,
  measure: (world: World) => Promise<Figures>,
): Promise<Figures> {
  const closers: (() => Promise<void>)[] = []
  const scope: Scope = inReverse((close) => closers.push(close))
  try {
    const [redis, org] = [await startRedis(scope, {}), { maxInFlight: 25 }]
    const world = await startWorld(scope, { redis, org, sandbox: { queueDelayMs } })
    await world.startWorker({ coalesce: config })
    return await measure(world)
  } finally {
    for (const close of closers) await close()
  }
}

async function burst(world: World, requests: number): Promise<Figures> {
  const submitted = Array.from({ length: requests }, (_, n) =>
    submitIds(world, ids18(IDS, IDS * n)),
  )
  await allEnded(world, await Promise.all(submitted), IDS)
  return { requests, ...callsOf(world, 1) }
}

async function day(world: World, requests: number): Promise<Figures> {
  const everyMs = 60_000 / A_MINUTE / FASTER
  const begun = performance.now()
  const submitted: Promise<string>[] = []
  for (let n = 0; n < requests; n++) {
    await delay(Math.max(0, begun + n * everyMs - performance.now()))
    submitted.push(submitIds(world, ids18(1, n)))
  }
  await allEnded(world, await Promise.all(submitted), 1)
  const aDay = A_MINUTE * MINUTES_A_DAY
  return { requests: aDay, ...callsOf(world, aDay / requests) }
}

/**
 * Waits for all together: one waiter for each of thousands of requests would take most of the
 * processor. A backlog may take as long as it needs, but not stand still.
 */
async function allEnded(world: World, ids: readonly string[], deleted: number): Promise<void> {
  const { redis, ledger } = world.store
  for (let left = await redis.zcard(ledger.keys.live); left > 0; ) {
    left = await poll(async () => {
      const now = await redis.zcard(ledger.keys.live)
      return now < left ? now : null
    })
  }
  for (const id of ids) check(await receiptOf(world, id), deleted)
}

function check({ outcome }: Receipt, deleted: number): void {
  if (outcome?.deleted === deleted) return
  throw new Error(`Expected ${deleted} deleted ids, got ${JSON.stringify(outcome)}`)
}

function callsOf({ sandbox }: World, times: number): Figures {
  const { jobs, bulkApiBatches, apiRequests } = sandbox.referee.stats()
  return {
    'ingest jobs': Math.round(jobs.length * times),
    batches: Math.round(bulkApiBatches * times),
    'API calls': Math.round(apiRequests * times),
  }
}

async function latency(world: World, requests: number): Promise<Figures> {
  const times: number[] = []
  for (let n = 0; n < requests; n++) {
    const begun = performance.now()
    await deleteIds(world, ids18(1, n), { priority: 'high' })
    times.push(performance.now() - begun - SERVER_MS)
  }
  return { 'submit to receipt ms': median(times), 'at most ms': Math.max(...times) }
}
