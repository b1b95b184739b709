import type { RedisClient } from '../redis/redis.ts'
import type { OrgKeys } from './keys.ts'
import {
  type ChunkOutcome,
  type IngestOrder,
  type Progress,
  parseChunkOutcome,
  parseIngestOrder,
  parseProgress,
  parseRecord,
  RECORD_FIELDS,
  type RecordFields,
  type RequestRecord,
} from './record.ts'

/** Reading the ledger: no script, nothing changes. */

export async function load(
  redis: RedisClient,
  keys: OrgKeys,
  id: string,
): Promise<RequestRecord | null> {
  const fields = await readFields(redis, keys.request(id))
  return fields === null ? null : parseRecord(fields)
}

/** The fields of a record that are there, null where it has none. */
export async function readFields(redis: RedisClient, key: string): Promise<RecordFields | null> {
  const values = await redis.hmget(key, ...RECORD_FIELDS)
  const fields = RECORD_FIELDS.flatMap((field, at) => {
    const value = values[at]
    return value === undefined || value === null ? [] : [[field, value] as const]
  })
  return fields.length === 0 ? null : Object.fromEntries(fields)
}

/** The one frame of a list that its request's record holds until it is planned. */
export async function frame(redis: RedisClient, keys: OrgKeys, id: string): Promise<Buffer | null> {
  return redis.hgetBuffer(keys.request(id), 'frame')
}

export async function liveIds(redis: RedisClient, keys: OrgKeys): Promise<readonly string[]> {
  return redis.zrange(keys.live, '0', '-1')
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

/** An ingest order as it stands. */
export interface OrderNow {
  readonly order: IngestOrder
  readonly progress: Progress
  /** Whether a worker has it, or had it and may have made an ingest job of it. */
  readonly taken: boolean
}

export async function ingestOrder(
  redis: RedisClient,
  keys: OrgKeys,
  order: string,
): Promise<OrderNow | null> {
  const fields = ['order', 'progress', 'checkpoint', 'starts'] as const
  const [json, progress, checkpoint, starts] = await redis.hmget(keys.ingest(order), ...fields)
  return json === undefined || json === null
    ? null
    : {
        order: parseIngestOrder(json),
        progress: parseProgress(progress),
        taken: Boolean(checkpoint) || Number(starts ?? 0) > 0,
      }
}
