import { visible } from '../shared/base/visible.ts'
import type { DeletionRequest } from '../shared/contract/request.ts'
import type { OrgStore } from '../shared/store/org-store.ts'
import { isRunAtWork } from '../shared/store/presence.ts'
import { parseCheckpoint } from '../worker/ingest/step.ts'
import { commandFor, shellQuoted } from './command-line.ts'
import type { OpenOrg } from './org.ts'
import type { CommandRedis } from './redis.ts'
import { counted } from './render/format.ts'
import type { Screen } from './screen.ts'

/** Ids of the ingest jobs of a request that exist in Salesforce and are not collected yet. */
export async function jobsAtWork(
  { ledger, redis }: OrgStore,
  id: string,
): Promise<readonly string[]> {
  const open = await ledger.openChunks(id)
  const keys = [...new Set(open.values())].map((order) => ledger.keys.ingest(order))
  const saved = await Promise.all(keys.map((key) => redis.hget(key, 'checkpoint')))
  return saved
    .map((json) => (json ? parseCheckpoint(json) : undefined))
    .flatMap((at) => (at !== undefined && 'jobId' in at ? [at.jobId] : []))
}

/** Says that no process works on the request, and what to do; null if one does. */
export async function whyIdle(open: OpenOrg, id: string): Promise<string | null> {
  const { redis, store } = open
  if (await isRunAtWork(store, id)) return null
  if (redis.embedded) {
    const results = (await store.ledger.identity())?.resultsAt ?? undefined
    return `No run is at work on it. To go on, ${howToContinue(id, results)}`
  }
  return noWorkerMessage(open)
}

/** The same for all requests of the org that need a worker. */
export async function noWorkerMessage({ org, redis, store }: OpenOrg): Promise<string | null> {
  if (redis.embedded || (await hasWorker(store)) !== false) return null
  return (
    `No worker is at work for org "${org}": it goes on as soon as one is. ` +
    'One that runs is not at work before it has logged in; its log says why it waits.'
  )
}

const SHOWN = 5

/**
 * Reports which other requests are unfinished and waiting: this run does not continue them. If
 * there are workers, no request waits for a run.
 */
export async function reportWaitingRequests(
  store: OrgStore,
  { id, org }: DeletionRequest,
  { embedded }: CommandRedis,
  { warn }: Screen,
): Promise<void> {
  if (!embedded && (await hasWorker(store)) !== false) return
  const others = (await store.ledger.liveIds()).filter((other) => other !== id.toLowerCase())
  const results = (await store.ledger.identity())?.resultsAt ?? undefined
  for (const other of others.slice(0, SHOWN)) {
    const record = await store.ledger.load(other).catch(() => null)
    if (record === null) continue
    const { request, status } = record
    const goOn = embedded ? howToContinue(request.id, results) : 'start a worker'
    warn(
      `Request ${request.id} (${visible(request.object)}, ${status}) is not finished. It waits: this run ` +
        `works on its own request alone. To go on with it, ${goOn}; to end it: ${commandFor(`cancel ${request.id}`, { org, results })}`,
    )
  }
  const more = others.length - SHOWN
  if (more > 0) warn(`${counted(more, 'more request')} wait: ${commandFor('list', { org })}`)
}

/** Whether a worker for the org is connected; null if the server does not reveal it. */
export async function hasWorker({ queues }: OrgStore): Promise<boolean | null> {
  try {
    return (await queues.requests.getWorkersCount()) > 0
  } catch {
    return null
  }
}

/**
 * How to continue when the original command line is unknown, for example after its terminal was
 * closed.
 *
 * @param results absolute; undefined if the ledger does not name it
 */
function howToContinue(id: string, results: string | undefined): string {
  const there = results === undefined ? '' : ` --results ${shellQuoted(results)}`
  return `run its own command again, with --id ${id}${there}`
}
