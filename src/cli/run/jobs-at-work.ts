import { openOrgStore } from '../../shared/org-store.ts'
import { connectRedis } from '../../shared/redis.ts'
import { parseCheckpoint } from '../../worker/ingest/checkpoint.ts'
import type { RedisHere } from '../redis.ts'

/** Ids of the ingest jobs of a request that exist in Salesforce and have not been collected. */
export async function jobsAtWork(
  { config }: RedisHere,
  org: string,
  id: string,
): Promise<readonly string[]> {
  const redis = connectRedis(config, 'fail-fast', () => {})
  const store = openOrgStore(redis, org, () => {})
  try {
    const open = await store.ledger.openChunks(id)
    const keys = [...new Set(open.values())].map((order) => store.ledger.keys.ingest(order))
    const saved = await Promise.all(keys.map((key) => redis.hget(key, 'checkpoint')))
    return saved
      .map((json) => (json ? parseCheckpoint(json) : undefined))
      .flatMap((at) => (at !== undefined && 'jobId' in at ? [at.jobId] : []))
  } finally {
    await store.close()
    redis.disconnect()
  }
}
