/**
 * Requests of ten ids taken in, beside BullMQ's own `add` of a job of like size, 50 at once on one
 * Redis with an append-only file: through the library, and over HTTP. Then the safety run: as many
 * requests over HTTP, a tenth of them twice, while the service is killed and started again. Fails
 * where one is lost or doubled.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuUsage } from 'node:process'
import { Queue } from 'bullmq'
import { createProducer } from '../../src/producer/producer.ts'
import { DEFAULT_ORG } from '../../src/shared/contract/org-name.ts'
import { orgKeys } from '../../src/shared/store/ledger/keys.ts'
import { connectRedis, type RedisClient } from '../../src/shared/store/redis/redis.ts'
import { startRedis } from '../../test/helpers/redis.ts'
import {
  inFlight,
  losses,
  nthRequest,
  openConnections,
  post,
  startMortalService,
  submitThroughDeath,
} from '../../test/producer/http/stubborn.ts'
import type { Figures, Scope, Table } from '../table.ts'

const AT_ONCE = 50

type Way = (run: string, k: number) => Promise<unknown>

export const submit: Table = {
  name: 'submit',
  title: "Requests of ten ids taken in, 50 at once, beside BullMQ's own `add`",
  size: { full: 10_000, quick: 100 },
  rounds: 7,
  figure: 'requests/s',
  ways: async (requests, scope) => {
    const redis = await startPersistentRedis(scope)
    const ways = {
      'BullMQ add': bullmq(redis.url, scope),
      library: await library(redis.url, scope),
      HTTP: await http(redis.url, scope),
    }
    const connection = connectRedis({ kind: 'url', url: redis.url }, 'wait', () => {})
    scope.after(async () => connection.disconnect())
    // Until Node has compiled what it runs: after 1,000 the library had half of its later rate.
    for (const [name, way] of Object.entries(ways)) await rateOf(way, `warm-${name}`, 2 * requests)
    let round = 0
    return Object.entries(ways).map(([name, way]) => ({
      name,
      against: name === 'BullMQ add' ? [] : ['BullMQ add'],
      measure: async () => {
        // No way has to find its room among what the others have left, or wait while Redis, a third
        // process on two cores then, writes all of that to its file anew.
        await emptied(connection)
        return rateOf(way, `${name.replace(' ', '-')}-${round++}`, requests)
      },
    }))
  },
}

export const submitSafety: Table = {
  name: 'submit-safety',
  title: 'Requests over HTTP, a tenth of them twice, while the service is killed and started again',
  size: { full: 10_000, quick: 200 },
  rounds: 1,
  figure: 'lost or doubled',
  ways: async (requests, scope) => [
    {
      name: `${requests.toLocaleString('en')} requests`,
      measure: () => runSafely(requests, scope),
    },
  ],
}

/** Everything but what the open processes have to find again: that it is still their ledger. */
async function emptied(connection: RedisClient): Promise<void> {
  const { identity } = orgKeys(DEFAULT_ORG)
  const known = await connection.hgetall(identity)
  await connection.flushall('SYNC')
  if (Object.keys(known).length > 0) await connection.hset(identity, known)
}

async function runSafely(requests: number, scope: Scope): Promise<Figures> {
  const redis = await startPersistentRedis(scope)
  const service = startMortalService(scope, await settings(redis.url, scope))
  const run = await submitThroughDeath(scope, service, { requests, connections: AT_ONCE })
  const wrong = await losses(redis.url, run)
  if (wrong.length > 0) throw new Error(`Lost or doubled: ${wrong.slice(0, 20).join('; ')}`)
  const answers = [...run.answers.values()].flat()
  return {
    answers: answers.length,
    'answered 202': answers.filter((status) => status === 202).length,
    'repeated without an answer': run.unanswered,
    'lost or doubled': wrong.length,
  }
}

function bullmq(url: string, scope: Scope): Way {
  const queue = new Queue('bench', { connection: { url } })
  scope.after(() => queue.close())
  return (run, k) => queue.add('delete', nthRequest(k, run))
}

async function library(redis: string, scope: Scope): Promise<Way> {
  const producer = await createProducer({ redis })
  scope.after(() => producer.close())
  return (run, k) => producer.submit(nthRequest(k, run))
}

async function http(redis: string, scope: Scope): Promise<Way> {
  const url = await startMortalService(scope, await settings(redis, scope)).url()
  const agent = openConnections(scope, AT_ONCE)
  return async (run, k) => {
    const status = await post(agent, url, nthRequest(k, run))
    if (status !== 202) throw new Error(`Expected 202, got ${status}`)
  }
}

async function rateOf(way: Way, run: string, count: number): Promise<Figures> {
  const [begun, before] = [performance.now(), cpuUsage()]
  await inFlight(AT_ONCE, Array(count).keys(), async (k) => void (await way(run, k)))
  const { user, system } = cpuUsage(before)
  return {
    'requests/s': (count / (performance.now() - begun)) * 1000,
    'processor here, µs each': (user + system) / count,
  }
}

/** Synced once a second, as BullMQ's own guide has it. */
function startPersistentRedis(scope: Scope) {
  return startRedis(scope, { appendOnly: true, args: ['--appendfsync', 'everysec'] })
}

async function settings(url: string, scope: Scope): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  return { REDIS_URL: url, EXPUNGE_RESULTS: join(folder, 'results') }
}
