import type { RedisClient } from '../redis.ts'
import type { OrgKeys } from './keys.ts'
import {
  type ChunkOutcome,
  type IngestOrder,
  type Progress,
  parseChunkOutcome,
  parseIngestOrder,
  parseProgress,
  parseRecord,
  type RequestRecord,
} from './record.ts'

/** Reading the ledger: no script, nothing changes. */

export async function load(
  redis: RedisClient,
  keys: OrgKeys,
  id: string,
): Promise<RequestRecord | null> {
  const hash = await redis.hgetall(keys.request(id))
  return Object.keys(hash).length === 0 ? null : parseRecord(hash)
}

/** Newest first; ids whose record has expired are left out. */
export async function list(
  redis: RedisClient,
  keys: OrgKeys,
  { offset, count }: { offset: number; count: number },
): Promise<readonly RequestRecord[]> {
  // To Redis a range that ends at -1 is the whole set.
  if (count < 1) return []
  const ids = await redis.zrevrange(keys.requests, offset, offset + count - 1)
  const records = await Promise.all(ids.map((id) => load(redis, keys, id)))
  return records.filter((record) => record !== null)
}

export async function liveIds(redis: RedisClient, keys: OrgKeys): Promise<readonly string[]> {
  return redis.smembers(keys.live)
}

/** Chunks without outcome, by the ingest order that carries each. */
export async function openChunks(
  redis: RedisClient,
  keys: OrgKeys,
  id: string,
): Promise<ReadonlyMap<string, string>> {
  return new Map(Object.entries(await redis.hgetall(keys.open(id))))
}

export async function outcomes(
  redis: RedisClient,
  keys: OrgKeys,
  id: string,
): Promise<ReadonlyMap<string, ChunkOutcome>> {
  const hash = await redis.hgetall(keys.ledger(id))
  return new Map(Object.entries(hash).map(([field, json]) => [field, parseChunkOutcome(json)]))
}

export async function ingestOrder(
  redis: RedisClient,
  keys: OrgKeys,
  order: string,
): Promise<{ order: IngestOrder; progress: Progress } | null> {
  const [json, progress] = await redis.hmget(keys.ingest(order), 'order', 'progress')
  return json === undefined || json === null
    ? null
    : { order: parseIngestOrder(json), progress: parseProgress(progress) }
}
