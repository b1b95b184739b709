import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createProducer, type Producer } from '../../src/producer/producer.ts'
import { to18 } from '../../src/shared/contract/record-id.ts'
import { startRedis, type TestRedis } from '../helpers/redis.ts'
import type { Chaos } from './helpers/chaos.ts'
import { type Child, startChild } from './helpers/child.ts'
import { recordsOf } from './helpers/records.ts'
import { type RemoteSandbox, startRemoteSandbox } from './helpers/remote-sandbox.ts'
import { untilFine, within } from './helpers/wait.ts'

/**
 * Redis comes back empty while workers of one org are at work, and workers of another org claim the
 * same name in it. The first ones must stop by themselves; nothing that was planned for one org may
 * ever be sent to the other, and the window of the second must hold.
 */

const ORG = 'chaos'
const WORKERS = 3
const REQUESTS = 12
const IDS = 40
const LIMITS = { maxJobRecords: 20, maxInFlight: 3, urgentInFlight: 1 }
const WINDOW = LIMITS.maxInFlight + LIMITS.urgentInFlight

/** A Salesforce org, and everything that works for it. */
interface Camp {
  readonly sandbox: RemoteSandbox
  readonly env: Readonly<Record<string, string>>
  readonly ids: readonly string[]
}

export async function emptied(chaos: Chaos): Promise<void> {
  const { scope, tally, fail } = chaos
  // Without a file a restart loses everything.
  const redis = await startRedis(scope, {})
  const [first, second] = await Promise.all([camp(chaos, redis, 1), camp(chaos, redis, 2)])
  const workers = startWorkers(chaos, first)
  await Promise.all(workers.map((worker) => working(worker)))
  const producer = await open(chaos, redis)
  await submitAll(producer, first)
  const isAtWork = async () =>
    (await first.sandbox.stats()).jobsAtWork > 0
      ? []
      : ['no ingest job of the first org is at work']
  for (const complaint of await untilFine(30_000, isAtWork)) fail(complaint)

  tally.fault('Redis came back empty, and another org claimed its name')
  await redis.restart()
  const successors = startWorkers(chaos, second)
  await Promise.all(successors.map((worker) => working(worker)))
  const caller = await open(chaos, redis)
  await submitAll(caller, second)
  for (const worker of workers) {
    const { code } = await within(60_000, 'a worker of the first org has stopped', worker.ended)
    if (code === 0 || !worker.tail().includes('OTHER_LEDGER')) {
      fail(`a worker of the replaced ledger ended with code ${code}:\n${worker.tail()}`)
    }
  }
  await Promise.all(ids(REQUESTS).map((n) => caller.wait(`request-${n}`, { org: ORG })))
  for (const complaint of await judge(first, second)) fail(complaint)
}

async function camp({ scope }: Chaos, redis: TestRedis, number: number): Promise<Camp> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-chaos-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  const sandbox = await startRemoteSandbox(scope, {
    orgId: to18(`00D5f000000000${number}`),
    rowsPerSecond: 200,
  })
  const results = join(folder, 'results')
  await mkdir(results)
  const config = join(folder, 'expunge.json')
  const { url: loginUrl, clientId, clientSecret } = sandbox
  const settings = {
    redis: { url: redis.url },
    worker: { lockMs: 1000, stalledMs: 1000, resendMs: 100 },
    coalesce: { below: 0 },
    metrics: { port: 0 },
    results: { path: results },
    ...LIMITS,
    orgs: { [ORG]: { salesforce: { loginUrl, clientId, clientSecret } } },
  }
  // What is JSON is YAML, too.
  await writeFile(config, JSON.stringify(settings))
  const { accepted } = recordsOf({ count: REQUESTS * IDS, from: number * 100_000 })
  return { sandbox, env: { EXPUNGE_CONFIG: config }, ids: accepted }
}

function startWorkers({ scope }: Chaos, { env }: Camp): readonly Child[] {
  return Array.from({ length: WORKERS }, () => startChild(scope, 'worker-process', env))
}

const working = (worker: Child) =>
  within(30_000, 'a worker has started', worker.said('Worker started.'))

async function open({ scope }: Chaos, redis: TestRedis): Promise<Producer> {
  const producer = await createProducer({ redis: redis.url, onError: () => {} })
  scope.after(() => producer.close())
  return producer
}

const ids = (count: number) => Array.from({ length: count }, (_, n) => n)

async function submitAll(producer: Producer, { ids: records }: Camp): Promise<void> {
  for (const n of ids(REQUESTS)) {
    const source = { type: 'ids', ids: records.slice(n * IDS, (n + 1) * IDS) } as const
    await producer.submit({ id: `request-${n}`, org: ORG, object: 'Contact', source })
  }
}

/** Each org was told only of its own records, and the second got all that it was asked for. */
async function judge(first: Camp, second: Camp): Promise<readonly string[]> {
  const touched = async ({ sandbox }: Camp, records: readonly string[]) =>
    (await sandbox.verdictsOf(records)).filter((codes) => codes.length > 0).length
  const [strangers, leaked, deleted, stats] = await Promise.all([
    touched(second, first.ids),
    touched(first, second.ids),
    touched(second, second.ids),
    second.sandbox.stats(),
  ])
  return [
    ...(strangers === 0 ? [] : [`${strangers} records of the first org were sent to the second`]),
    ...(leaked === 0 ? [] : [`${leaked} records of the second org were sent to the first`]),
    ...(deleted === second.ids.length ? [] : [`only ${deleted} records of the second org ended`]),
    ...(stats.maxJobsUnseen <= WINDOW
      ? []
      : [`${stats.maxJobsUnseen} ingest jobs at once, the window is ${WINDOW}`]),
  ]
}
