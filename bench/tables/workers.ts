/**
 * 1, 2 and 4 workers, each a process of its own, on one Redis and one org, where each ingest job takes
 * a second: requests of up to 100 chunks wait, and the window should be full all the time. Commands
 * count those that scripts run.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createProducer } from '../../src/producer/producer.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { DEFAULT_ORG } from '../../src/shared/contract/org-name.ts'
import { orgKeys } from '../../src/shared/store/ledger/keys.ts'
import { connectRedis, type RedisClient } from '../../src/shared/store/redis/redis.ts'
import { ids18 } from '../../test/helpers/ids.ts'
import { startRedis } from '../../test/helpers/redis.ts'
import { inReverse } from '../../test/helpers/scope.ts'
import { type ServiceProcess, startServiceProcess } from '../../test/producer/http/process.ts'
import { processorSecondsOf } from '../measured-process.ts'
import type { Figures, Scope, Table } from '../table.ts'

const JOB_MS = 1000
const WINDOW = 100
const IDS_A_CHUNK = 10
const LOOK_MS = 250
const MIN_CHUNKS_A_WORKER = 5
const MOST_CHUNKS_A_REQUEST = 100

export const workers: Table = {
  name: 'workers',
  title: `Workers on one Redis, ingest jobs of ${JOB_MS / 1000} s with ten ids each, at most ${WINDOW} at once`,
  size: { full: 2000, quick: 10 },
  rounds: 3,
  figure: 'jobs/s',
  ways: async (chunks) =>
    [1, 2, 4].filter(hasWork(chunks)).map((count) => ({
      name: `${count} worker${count === 1 ? '' : 's'}`,
      against: count === 1 ? [] : ['1 worker'],
      measure: () => measured(chunks, count),
    })),
}

/** A quick run has too few chunks for many workers, each of which takes a second to start. */
const hasWork = (chunks: number) => (workers: number) => workers * MIN_CHUNKS_A_WORKER <= chunks

async function measured(chunks: number, workers: number): Promise<Figures> {
  const closers: (() => Promise<void>)[] = []
  try {
    const scope = inReverse((close) => closers.push(close))
    return await workOff(scope, chunks, workers)
  } finally {
    for (const close of closers) await close()
  }
}

async function workOff(scope: Scope, chunks: number, count: number): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-bench-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  const redis = await startRedis(scope, {})
  const connection = connectRedis({ kind: 'url', url: redis.url }, 'wait', () => {})
  scope.after(async () => connection.disconnect())
  const sandbox = await startSandbox({ queueDelayMs: JOB_MS })
  scope.after(() => sandbox.close())
  const env = {
    ...{ REDIS_URL: redis.url, EXPUNGE_RESULTS: join(folder, 'results') },
    SALESFORCE_LOGIN_URL: sandbox.url,
    SALESFORCE_CLIENT_ID: sandbox.clientId,
    SALESFORCE_CLIENT_SECRET: sandbox.clientSecret,
    EXPUNGE_MAX_JOB_RECORDS: String(IDS_A_CHUNK),
    EXPUNGE_MAX_IN_FLIGHT: String(WINDOW),
  }
  const running = Array.from({ length: count }, () => startServiceProcess(scope, env, 'worker'))
  for (const worker of running) await worker.logged('Worker started.')
  const [cpu, redisCpu, commands] = await usage(running, redis.pid, connection)
  await submitChunks(scope, redis.url, chunks)
  const inUse = await watchWindow(connection, () => sandbox.referee.stats().jobs.length < chunks)
  const [cpuAfter, redisCpuAfter, commandsAfter] = await usage(running, redis.pid, connection)
  const { jobs } = sandbox.referee.stats()
  if (jobs.length !== chunks) throw new Error(`Expected ${chunks} jobs, got ${jobs.length}`)
  const seconds = secondsOf(jobs)
  return {
    'jobs/s': chunks / seconds,
    'window in use, %': (100 * inUse) / Math.min(WINDOW, chunks),
    'Redis commands a job': (commandsAfter - commands) / chunks,
    'Redis processor ms a job': (1000 * (redisCpuAfter - redisCpu)) / chunks,
    'workers’ processor ms a job': (1000 * (cpuAfter - cpu)) / chunks,
  }
}

/** Until all requests have ended. How many ingest orders workers had, on average, while others waited. */
async function watchWindow(connection: RedisClient, othersWait: () => boolean): Promise<number> {
  const { live, jobs } = orgKeys(DEFAULT_ORG)
  const seen: number[] = []
  while ((await connection.zcard(live)) > 0) {
    if (othersWait()) seen.push(await connection.llen(jobs('ingest-jobs', 'active')))
    await delay(LOOK_MS)
  }
  return seen.reduce((sum, one) => sum + one, 0) / seen.length
}

async function submitChunks(scope: Scope, redis: string, chunks: number): Promise<void> {
  const producer = await createProducer({ redis })
  scope.after(() => producer.close())
  for (let first = 0; first < chunks; first += MOST_CHUNKS_A_REQUEST) {
    const count = IDS_A_CHUNK * Math.min(MOST_CHUNKS_A_REQUEST, chunks - first)
    const source = { type: 'ids' as const, ids: ids18(count, IDS_A_CHUNK * first) }
    await producer.submit({ object: 'Contact', source, coalesce: false })
  }
}

/** Processor seconds of the workers and of Redis, and the commands that Redis has run. */
async function usage(running: readonly ServiceProcess[], redis: number, connection: RedisClient) {
  const seconds = await Promise.all(running.map(({ pid }) => processorSecondsOf(pid)))
  const info = await connection.info('stats')
  return [
    seconds.reduce((sum, one) => sum + one, 0),
    await processorSecondsOf(redis),
    Number(/total_commands_processed:(\d+)/.exec(info)?.[1]),
  ] as const
}

/** From the first job created to the last one finished. */
function secondsOf(
  jobs: readonly { readonly createdAt: number; readonly finishedAt: number | null }[],
): number {
  const begun = Math.min(...jobs.map(({ createdAt }) => createdAt))
  return (Math.max(...jobs.map(({ finishedAt }) => finishedAt ?? begun)) - begun) / 1000
}
