import { visible } from '../shared/base/visible.ts'
import type { StoredRequest } from '../shared/contract/request.ts'
import type { OrgStore } from '../shared/store/org-store.ts'
import { whoIsAtWork } from '../shared/store/presence.ts'
import type { RequestView } from '../shared/store/request-view.ts'
import { parseCheckpoint } from '../worker/ingest/step.ts'
import { commandFor } from './command-line.ts'
import { namedInCommands, type OpenOrg } from './org.ts'
import type { CommandRedis } from './redis.ts'
import { counted } from './render/format.ts'
import { howToContinue, waitingSentences } from './render/waiting.ts'
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

/** Why nothing happens to the request, one sentence each. */
export async function whyWaiting(
  { org, redis, store }: OpenOrg,
  { id, appliesPlanOf, request: { retryOf }, waiting }: RequestView,
): Promise<readonly string[]> {
  if (waiting.length === 0) return []
  const results = (await store.ledger.identity())?.resultsAt ?? undefined
  const named = await namedInCommands(redis, store)
  const { embedded } = redis
  return waitingSentences(waiting, { org, named, id, appliesPlanOf, retryOf, embedded, results })
}

const SHOWN = 5

/**
 * Reports which other requests are unfinished and waiting: this run does not continue them. If
 * there are workers, no request waits for a run.
 */
export async function reportWaitingRequests(
  store: OrgStore,
  { id, org }: Pick<StoredRequest, 'id' | 'org'>,
  { embedded }: CommandRedis,
  { warn }: Screen,
): Promise<void> {
  if (!embedded && (await whoIsAtWork(store.redis, store.ledger.keys)).workers > 0) return
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
