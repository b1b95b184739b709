import { z } from 'zod'
import type { RedisClient } from '../redis/redis.ts'
import {
  type ChunkOutcome,
  type IngestOrder,
  type Progress,
  parseChunkOutcome,
  parseIngestOrder,
  parseProgress,
} from './chunk.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { parseRecord, RECORD_FIELDS, type RequestRecord } from './record.ts'

/** Reads the ledger: no scripts, no changes. */

/** The existing fields of a record; null if it has none. */
async function readFields(redis: RedisClient, key: string) {
  const values = await redis.hmget(key, ...RECORD_FIELDS)
  const fields = RECORD_FIELDS.flatMap((field, at) => {
    const value = values[at]
    return value === undefined || value === null ? [] : [[field, value] as const]
  })
  return fields.length === 0 ? null : Object.fromEntries(fields)
}

/** An ingest order and its current state. */
type OrderNow = {
  readonly order: IngestOrder
  readonly progress: Progress
  /** Whether a worker has it, or had it and may have created an ingest job for it. */
  readonly taken: boolean
}

/** Reads many requests at once, newest first. */

/** A request's position in the index; requests submitted later come before it. */
export interface ListPosition {
  /** Milliseconds since the epoch. */
  readonly submittedAt: number
  /** In lower case. */
  readonly id: string
}

/** A record that cannot be parsed: written by a newer version, or damaged. */
export interface Unreadable extends ListPosition {
  readonly problem: string
}

/** Result of reading many requests; one that cannot be read does not hide the others. */
type Listed = {
  readonly records: readonly RequestRecord[]
  readonly unreadable: readonly Unreadable[]
}

/** Requests of the same millisecond are in reverse order of their ids. */
async function placesAfter(
  redis: RedisClient,
  keys: OrgKeys,
  before: ListPosition | null,
  count: number,
): Promise<readonly ListPosition[]> {
  const found: ListPosition[] = []
  const from = before === null ? '+inf' : before.submittedAt
  for (let offset = 0; found.length < count; offset += count) {
    const page = await redis.zrevrangebyscore(
      ...([keys.requests, from, '-inf', 'WITHSCORES', 'LIMIT', offset, count] as const),
    )
    found.push(...pairsOf(page).filter((place) => before === null || isBehind(place, before)))
    if (page.length < 2 * count) break
  }
  return found.slice(0, count)
}

/** Whether the first place belongs to the page after one that ends at the second. */
export function isBehind(place: ListPosition, { submittedAt, id }: ListPosition): boolean {
  return place.submittedAt < submittedAt || (place.submittedAt === submittedAt && place.id < id)
}

function pairsOf(page: readonly string[]): readonly ListPosition[] {
  return page.flatMap((id, at) => (at % 2 === 0 ? [{ id, submittedAt: Number(page[at + 1]) }] : []))
}

async function scoresAfter(
  redis: RedisClient,
  live: string,
  after: string | null,
  count: number,
): Promise<readonly { readonly id: string; readonly score: string }[]> {
  const from = after === null ? '-inf' : `(${after}`
  const page = await redis.zrangebyscore(live, from, '+inf', 'WITHSCORES', 'LIMIT', 0, count)
  return page.flatMap((id, at) => (at % 2 === 0 ? [{ id, score: page[at + 1] ?? '' }] : []))
}

async function readAll(
  redis: RedisClient,
  keys: OrgKeys,
  places: readonly ListPosition[],
): Promise<Listed> {
  const found = places.map(({ id }) => readFields(redis, keys.request(id)))
  const records: RequestRecord[] = []
  const unreadable: Unreadable[] = []
  for (const [at, fields] of (await Promise.all(found)).entries()) {
    const place = places[at]
    if (place === undefined || fields === null) continue
    try {
      records.push(parseRecord(fields))
    } catch (error) {
      unreadable.push({ ...place, problem: problemIn(error) })
    }
  }
  return { records, unreadable }
}

/** Where a record is invalid. Its values are not included, because they may be anything. */
function problemIn(error: unknown): string {
  if (!(error instanceof z.ZodError)) return 'its record is no JSON'
  const paths = error.issues.map(({ path }) => path.join('.')).filter((path) => path !== '')
  return `its record has unexpected values${paths.length === 0 ? '' : ` at ${paths.join(', ')}`}`
}

/**
 * All verbs that only read. Results that callers act upon are verified; the others follow such a
 * read or a script.
 */
export function readingVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  const { redis } = ledger
  return {
    async load(id: string): Promise<RequestRecord | null> {
      const fields = await ledger.verified(readFields(redis, keys.request(id)))
      return fields === null ? null : parseRecord(fields)
    },

    /** The single frame of a list, which its request's record holds until it is planned. */
    async frame(id: string): Promise<Buffer | null> {
      return redis.hgetBuffer(keys.request(id), 'frame')
    },

    async liveIds(): Promise<readonly string[]> {
      return await ledger.verified(redis.zrange(keys.live, '0', '-1'))
    },

    /**
     * The next live requests by status and age, from a score on. Requests of the same score are
     * never separated, so a page may have more than `count`.
     *
     * @returns `next`: the score after which to continue; null if nothing follows
     */
    async livePage(
      after: string | null,
      count: number,
    ): Promise<{ readonly entries: readonly string[]; readonly next: string | null }> {
      const page = await ledger.verified(scoresAfter(redis, keys.live, after, count + 1))
      const last = page[count - 1]
      if (last === undefined || page.length <= count) {
        return { entries: page.map(({ id }) => id), next: null }
      }
      const equal = await redis.zrangebyscore(keys.live, last.score, last.score)
      const before = page.slice(0, count).filter(({ score }) => score !== last.score)
      return { entries: [...before.map(({ id }) => id), ...equal], next: last.score }
    },

    /** Chunks without outcome, each with the ingest order that carries it. */
    async openChunks(id: string): Promise<ReadonlyMap<string, string>> {
      return new Map(Object.entries(await redis.hgetall(keys.open(id))))
    },

    async outcomes(id: string): Promise<ReadonlyMap<string, ChunkOutcome>> {
      const hash = await redis.hgetall(keys.ledger(id))
      return new Map(Object.entries(hash).map(([field, json]) => [field, parseChunkOutcome(json)]))
    },

    async ingestOrder(order: string): Promise<OrderNow | null> {
      const fields = ['order', 'progress', 'checkpoint', 'starts'] as const
      const [json, progress, checkpoint, starts] = await redis.hmget(keys.ingest(order), ...fields)
      if (json === undefined || json === null) return null
      return {
        order: parseIngestOrder(json),
        progress: parseProgress(progress),
        taken: Boolean(checkpoint) || Number(starts ?? 0) > 0,
      }
    },

    /** Newest first; ids whose record has expired are omitted. */
    async list({ offset, count }: { offset: number; count: number }): Promise<Listed> {
      // In Redis, a range that ends at -1 is the whole set.
      if (count < 1) return { records: [], unreadable: [] }
      const page = redis.zrevrange(keys.requests, offset, offset + count - 1, 'WITHSCORES')
      return readAll(redis, keys, pairsOf(await ledger.verified(page)))
    },

    /**
     * The requests after a position, newest first. Unlike offsets, positions do not shift when
     * requests are added or expire.
     *
     * @param before null to begin with the newest
     * @returns `last`: the position to continue from; null if nothing follows
     */
    async follow({
      before,
      count,
    }: {
      before: ListPosition | null
      count: number
    }): Promise<Listed & { readonly last: ListPosition | null }> {
      const places = await ledger.verified(placesAfter(redis, keys, before, count))
      const listed = await readAll(redis, keys, places)
      return { ...listed, last: places.length < count ? null : (places.at(-1) ?? null) }
    },
  }
}
