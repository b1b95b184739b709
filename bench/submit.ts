/**
 * Requests of ten ids taken in, beside BullMQ's own `add` of a job of like size, 50 at once on one
 * Redis with an append-only file: through the library, and over HTTP. Then the safety run: as many
 * requests over HTTP, a tenth of them twice, while the service is killed and started again. Exits
 * with 1 where one is lost or doubled.
 *
 *   node bench/submit.ts [requests, default 10000]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import process, { argv, cpuUsage } from 'node:process'
import { Queue } from 'bullmq'
import { createProducer } from '../src/producer/producer.ts'
import { DEFAULT_ORG } from '../src/shared/contract/org-name.ts'
import { orgKeys } from '../src/shared/store/ledger/keys.ts'
import { connectRedis, type RedisClient } from '../src/shared/store/redis/redis.ts'
import { startRedis } from '../test/helpers/redis.ts'
import { inReverse } from '../test/helpers/scope.ts'
import {
  inFlight,
  losses,
  nthRequest,
  openConnections,
  post,
  startMortalService,
  submitThroughDeath,
} from '../test/producer/http/stubborn.ts'
import { median } from './median.ts'

const AT_ONCE = 50
/** One after the other, all ways in each, so that what others do on the machine meets all of them. */
const ROUNDS = 7
/** Requests until Node has compiled what it runs: after 1,000 the library had half of its later rate. */
const WARM_UP = 20_000

type Way = (run: string, k: number) => Promise<unknown>

/** Requests a second, and microseconds of this process's processor for each. */
interface Rate {
  readonly rate: number
  readonly cpu: number
}

const requests = Number(argv[2] ?? 10_000)
const closers: (() => Promise<void>)[] = []
const scope = inReverse((close) => closers.push(close))
try {
  await compareRates()
  await runSafely()
} finally {
  for (const close of closers) await close()
}

async function compareRates(): Promise<void> {
  const redis = await startPersistentRedis()
  const ways = {
    'BullMQ add': bullmq(redis.url),
    library: await library(redis.url),
    HTTP: await http(redis.url),
  }
  const rates = new Map<string, Rate[]>()
  const connection = connectRedis({ kind: 'url', url: redis.url }, 'wait', () => {})
  scope.after(async () => connection.disconnect())
  for (const [name, way] of Object.entries(ways)) await rateOf(way, `warm-${name}`, WARM_UP)
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, way] of Object.entries(ways)) {
      // No way has to find its room among what the others have left, or wait while Redis, a third
      // process on two cores then, writes all of that to its file anew.
      await emptied(connection)
      const rate = await rateOf(way, `${name.replace(' ', '-')}-${round}`, requests)
      rates.set(name, [...(rates.get(name) ?? []), rate])
    }
  }
  const rateIn = (all: readonly Rate[]) => median(all.map(({ rate }) => rate))
  const base = rateIn(rates.get('BullMQ add') ?? [])
  console.log(
    `${requests} requests a round, ${AT_ONCE} at once, load ${loadavg()[0]?.toFixed(1)}\n\n` +
      '| way | requests/s, median | from | to | of BullMQ | processor here, µs each |\n|---|---|---|---|---|---|',
  )
  for (const [name, all] of rates) {
    const each = all.map(({ rate }) => rate)
    const figures = [rateIn(all), Math.min(...each), Math.max(...each)].map(Math.round)
    const share = (rateIn(all) / base).toFixed(2)
    const cpu = Math.round(median(all.map(({ cpu }) => cpu)))
    console.log(`| ${[name, ...figures, share, cpu].join(' | ')} |`)
  }
}

/** Everything but what the open processes have to find again: that it is still their ledger. */
async function emptied(connection: RedisClient): Promise<void> {
  const { identity } = orgKeys(DEFAULT_ORG)
  const known = await connection.hgetall(identity)
  await connection.flushall('SYNC')
  if (Object.keys(known).length > 0) await connection.hset(identity, known)
}

async function runSafely(): Promise<void> {
  const redis = await startPersistentRedis()
  const service = startMortalService(scope, await settings(redis.url))
  const run = await submitThroughDeath(scope, service, { requests, connections: AT_ONCE })
  const wrong = await losses(redis.url, run)
  const answers = [...run.answers.values()].flat()
  console.log(
    `\nSafety run: ${requests} requests, ${answers.length} answers (${answers.filter((status) => status === 202).length} of them 202), ` +
      `${run.unanswered} calls without an answer repeated; ${wrong.length === 0 ? 'none lost, none doubled' : `${wrong.length} faults`}`,
  )
  for (const fault of wrong.slice(0, 20)) console.error(fault)
  if (wrong.length > 0) process.exitCode = 1
}

function bullmq(url: string): Way {
  const queue = new Queue('bench', { connection: { url } })
  scope.after(() => queue.close())
  return (run, k) => queue.add('delete', nthRequest(k, run))
}

async function library(redis: string): Promise<Way> {
  const producer = await createProducer({ redis })
  scope.after(() => producer.close())
  return (run, k) => producer.submit(nthRequest(k, run))
}

async function http(redis: string): Promise<Way> {
  const url = await startMortalService(scope, await settings(redis)).url()
  const agent = openConnections(scope, AT_ONCE)
  return async (run, k) => {
    const status = await post(agent, url, nthRequest(k, run))
    if (status !== 202) throw new Error(`Expected 202, got ${status}`)
  }
}

async function rateOf(way: Way, run: string, count: number): Promise<Rate> {
  const [begun, before] = [performance.now(), cpuUsage()]
  await inFlight(AT_ONCE, Array(count).keys(), async (k) => void (await way(run, k)))
  const { user, system } = cpuUsage(before)
  return { rate: (count / (performance.now() - begun)) * 1000, cpu: (user + system) / count }
}

/** Synced once a second, as BullMQ's own guide has it. */
function startPersistentRedis() {
  return startRedis(scope, { appendOnly: true, args: ['--appendfsync', 'everysec'] })
}

async function settings(url: string): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  return { REDIS_URL: url, EXPUNGE_RESULTS: join(folder, 'results') }
}
