import type { OrgStore } from '../../shared/store/org-store.ts'
import { parseCheckpoint } from '../../worker/ingest/checkpoint.ts'
import { count } from '../render/numbers.ts'

/** Ids of the ingest jobs of a request that exist in Salesforce and have not been collected. */
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

/** The same of every request of the org. */
export async function orgJobsAtWork(store: OrgStore): Promise<readonly string[]> {
  const ids = await store.ledger.liveIds()
  const jobs = await Promise.all(ids.map((id) => jobsAtWork(store, id)))
  // Small requests may share one.
  return [...new Set(jobs.flat())]
}

const SHOWN = 5

/** `750…1AAA, 750…2AAA and 3 more` */
export function jobNames(jobs: readonly string[]): string {
  const more = jobs.length - SHOWN
  return jobs.slice(0, SHOWN).join(', ') + (more > 0 ? ` and ${count(more)} more` : '')
}
