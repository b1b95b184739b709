import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { DEFAULT_ORG } from '../../../src/shared/contract/org-name.ts'
import type { DeletionRequestInput } from '../../../src/shared/contract/request.ts'
import { openOrgStore } from '../../../src/shared/store/org-store.ts'
import { connectRedis } from '../../../src/shared/store/redis/redis.ts'
import { ids18 } from '../../helpers/ids.ts'
import { poll } from '../../helpers/poll.ts'
import { stagedBytes } from '../../helpers/staged-bytes.ts'
import { type ServiceProcess, startServiceProcess } from './process.ts'

/** Callers who repeat, under the same id, what got no answer or 503, and a service that is killed meanwhile. */

const READY = 'Producer started.'
const IDS_EACH = 10
/** Of so many requests one is sent twice, to two connections at once. */
const TWICE_IN = 10
const READ_AT_ONCE = 50

interface Scope {
  after(fn: () => Promise<void>): void
}

/** The `k`-th request; no two delete the same. */
export function nthRequest(k: number, run = 'r'): DeletionRequestInput & { id: string } {
  const ids = ids18(IDS_EACH, k * IDS_EACH)
  return { id: `${run}-${k}`, object: 'Contact', source: { type: 'ids', ids } }
}

/** Does all of it, so many at once. */
export async function inFlight<T>(
  most: number,
  work: Iterable<T>,
  act: (one: T) => Promise<void>,
): Promise<void> {
  const left = Iterator.from(work)
  const lane = async () => {
    for (let next = left.next(); !next.done; next = left.next()) await act(next.value)
  }
  await Promise.all(Array.from({ length: most }, lane))
}

/** So many connections that stay open. */
export function openConnections(t: Scope, most: number): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: most })
  t.after(async () => agent.destroy())
  return agent
}

/** The status of the whole answer; rejects where none came. */
export async function post(agent: Agent, url: string, body: unknown): Promise<number> {
  const text = JSON.stringify(body)
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }
  const target = new URL('/v1/deletion-requests', url)
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const call = request(target, { agent, method: 'POST', headers }, (answer) => {
    answer.once('end', () => resolve(answer.statusCode ?? 0)).once('error', reject)
    answer.resume()
  })
  call.once('error', reject)
  call.end(text)
  return promise
}

/** `expunge serve` that can be killed and started again; its URL changes with that. */
export interface MortalService {
  /** Waits where it is being started. */
  url(): Promise<string>
  /** SIGKILL, and another one in its place. */
  replace(): Promise<void>
}

export function startMortalService(t: Scope, env: Readonly<Record<string, string>>): MortalService {
  let process: ServiceProcess
  const start = async () => {
    process = startServiceProcess(t, env)
    return String((await process.logged(READY))['url'])
  }
  let url = start()
  return {
    url: () => url,
    replace: async () => {
      await url
      const { child } = process
      const gone = once(child, 'exit')
      // Whoever loses an answer now finds the next process here, not this one again.
      url = gone.then(start)
      child.kill('SIGKILL')
      await url
    },
  }
}

export interface SafetyRun {
  readonly requests: number
  /** Answers, by id. */
  readonly answers: ReadonlyMap<string, readonly number[]>
  /** Calls that the death of the process left without an answer. */
  readonly unanswered: number
}

/** Sends them all, some of them twice; the service is killed once half of the answers are there. */
export async function submitThroughDeath(
  t: Scope,
  service: MortalService,
  { requests, connections }: { requests: number; connections: number },
): Promise<SafetyRun> {
  const agent = openConnections(t, connections)
  const answers = new Map<string, number[]>()
  let answered = 0
  let unanswered = 0
  let death: Promise<void> | null = null
  await inFlight(connections, calls(requests), async (k) => {
    const body = nthRequest(k)
    const call = (url: string) => post(agent, url, body)
    // 503 asks the caller to repeat the call: on a slow machine Redis may answer too late for one.
    const status = poll(async () => {
      const status = await untilAnswered(service, call, () => unanswered++)
      return status === 503 ? null : status
    })
    // With this call under way: at least one gets no answer.
    if (answered >= requests / 2) death ??= service.replace()
    const answer = await status
    answers.set(body.id, [...(answers.get(body.id) ?? []), answer])
    answered++
  })
  await death
  return { requests, answers, unanswered }
}

function* calls(requests: number): Generator<number> {
  for (let k = 0; k < requests; k++) {
    yield k
    if (k % TWICE_IN === 0) yield k
  }
}

async function untilAnswered(
  service: MortalService,
  call: (url: string) => Promise<number>,
  onSilence: () => void,
): Promise<number> {
  for (let silent: string | null = null; ; ) {
    const url = await service.url()
    try {
      return await call(url)
    } catch (error) {
      // It was not killed twice: this is something else.
      if (url === silent) throw error
      silent = url
      onSilence()
    }
  }
}

/** What is wrong with what came of a run, in words; nothing where none was lost and none doubled. */
export async function losses(
  redisUrl: string,
  { requests, answers }: SafetyRun,
): Promise<readonly string[]> {
  const redis = connectRedis({ kind: 'url', url: redisUrl }, 'wait', () => {})
  const store = openOrgStore(redis, DEFAULT_ORG, () => {})
  const wrong: string[] = []
  const bodies = async (k: number) => {
    const { id, source } = nthRequest(k)
    const statuses = answers.get(id) ?? []
    const created = statuses.filter((status) => status === 202).length
    if (statuses.length !== (k % TWICE_IN === 0 ? 2 : 1)) wrong.push(`${id}: not answered`)
    if (statuses.some((status) => status !== 202 && status !== 200)) {
      wrong.push(`${id}: answered ${statuses.join(', ')}`)
    }
    if (created > 1) wrong.push(`${id}: created ${created} times`)
    if ((await store.ledger.load(id)) === null) return void wrong.push(`${id}: not in the ledger`)
    const expected = source.type === 'ids' ? `Id\n${source.ids.join('\n')}\n` : ''
    if ((await stagedBytes(store, id)) !== expected) wrong.push(`${id}: without its ids`)
    if ((await (await store.queues()).requests.getJob(`p-${id}`)) === undefined) {
      wrong.push(`${id}: without its order`)
    }
  }
  try {
    await inFlight(READ_AT_ONCE, Array(requests).keys(), bodies)
    const records = await redis.zcard(store.ledger.keys.requests)
    if (records !== requests) wrong.push(`${records} records of ${requests} requests`)
    const orders = await (await store.queues()).requests.getJobCountByTypes(
      'prioritized',
      'wait',
      'delayed',
    )
    if (orders !== requests) wrong.push(`${orders} plans ordered of ${requests} requests`)
    return wrong
  } finally {
    await store.close()
    redis.disconnect()
  }
}
