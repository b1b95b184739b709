import { hash, randomUUID } from 'node:crypto'
import { RefusedError, SourceError } from '../../base/errors.ts'
import type { DeletionRequest } from '../../contract/request.ts'
import type { FilePlaces } from '../../contract/sources/kind.ts'
import { listsOf, pinLists } from '../../contract/sources/lists.ts'
import { kindOf } from '../../contract/sources/sources.ts'
import type { Staged, StagedPart } from '../ledger/record.ts'
import type { OrgStore } from '../org-store.ts'
import { isFuller, showMemory, UPLOAD_SHARE } from '../redis/memory.ts'
import { inspectRedis } from '../redis/redis.ts'
import { explained, RedisUnavailableError, troubleOf } from '../redis/trouble.ts'
import { FRAME_BYTES, pack } from '../staging/frame.ts'
import type { Lot } from '../staging/staging.ts'

/** Where the worker finds the bytes of a source in Redis. */
interface Intake {
  /** Null if the worker opens the source itself. */
  readonly staged: Staged | null
  /** Not yet in Redis: a single frame that is entered with its request's record. */
  readonly frame?: Buffer
}

/**
 * Brings the ids of a list, or the bytes of an upload, to Redis. A list that fits into one frame is
 * only prepared: it needs no call of its own, and leaves nothing to drop.
 *
 * @throws RedisUnavailableError if Redis is full, refuses writes or does not answer
 */
export async function stageSource(
  store: OrgStore,
  request: DeletionRequest,
  upload: AsyncIterable<Uint8Array> | undefined,
): Promise<Intake> {
  const { id, source } = request
  const parts = listsOf(source).flatMap(({ at, list }) => {
    const bytes = kindOf(list).stage(list, upload)
    return bytes === null ? [] : [{ at, bytes }]
  })
  const [only] = parts
  if (only === undefined) return { staged: null }
  if (parts.length > 1 || only.at !== '') return { staged: await stageParts(store, id, parts) }
  const { bytes } = only
  if (!(bytes instanceof Uint8Array)) return { staged: await stageBytes(store, id, bytes) }
  return bytes.length <= FRAME_BYTES
    ? packList(bytes)
    : { staged: await stageBytes(store, id, [bytes]) }
}

async function packList(csv: Uint8Array): Promise<Intake> {
  const frame = await pack(csv)
  const staged = { lot: newLot(), inRecord: true, bytes: csv.length, sha256: hash('sha256', csv) }
  return { staged, frame }
}

const newLot = () => `u-${randomUUID()}`

/** Bytes between two checks of Redis's memory; anything smaller is always accepted. */
const LOOK_EVERY_BYTES = 1_000_000

type Blocks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

async function stageBytes(store: OrgStore, request: string, bytes: Blocks): Promise<Staged> {
  const lot = { request, lot: newLot() }
  return droppedOnError(lot, store, async () => {
    const staged = await stageList(store, lot, 0, bytes)
    return { lot: lot.lot, inRecord: false, ...staged }
  })
}

interface Part {
  readonly at: string
  readonly bytes: Uint8Array | AsyncIterable<Uint8Array>
}

/** Each in a list of its own. The digest is over those of the parts. */
async function stageParts(
  store: OrgStore,
  request: string,
  parts: readonly Part[],
): Promise<Staged> {
  const lot = { request, lot: newLot() }
  return droppedOnError(lot, store, async () => {
    const staged: StagedPart[] = []
    for (const [list, { at, bytes }] of parts.entries()) {
      const blocks = bytes instanceof Uint8Array ? [bytes] : bytes
      staged.push({ at, list, ...(await stageList(store, lot, list, blocks)) })
    }
    const bytes = staged.reduce((sum, part) => sum + part.bytes, 0)
    const sha256 = hash('sha256', staged.map(({ at, sha256 }) => `${at} ${sha256}\n`).join(''))
    return { lot: lot.lot, inRecord: false, bytes, sha256, parts: staged }
  })
}

async function droppedOnError<T>(lot: Lot, store: OrgStore, stage: () => Promise<T>): Promise<T> {
  try {
    return await stage()
  } catch (error) {
    if (troubleOf(error) !== 'REDIS_AWAY') await dropQuietly(lot, store)
    throw error
  }
}

async function stageList(store: OrgStore, lot: Lot, list: number, bytes: Blocks) {
  const writer = store.staging.write(lot, list)
  try {
    let unseen = 0
    for await (const block of bytes) {
      await explained(() => writer.write(block))
      unseen += block.length
      if (unseen < LOOK_EVERY_BYTES) continue
      await explained(() => assertRoom(store))
      unseen = 0
    }
    return await explained(() => writer.end())
  } catch (error) {
    // A frame may still be in flight; once this returns, none is.
    await writer.end().catch(() => {})
    throw error
  }
}

async function assertRoom({ redis }: OrgStore): Promise<void> {
  const memory = await inspectRedis(redis)
  if (!isFuller(memory, UPLOAD_SHARE)) return
  throw new RedisUnavailableError(
    'REDIS_FULL',
    '',
    `(${showMemory(memory)}; uploads are taken up to ${UPLOAD_SHARE * 100} %, so that plans have room.) Nothing was accepted.`,
  )
}

/** If it cannot be dropped now, the sweep drops it later. */
export async function dropQuietly(lot: Lot, { staging }: OrgStore): Promise<void> {
  try {
    await staging.drop(lot)
  } catch (error) {
    if (troubleOf(error) === null) throw error
  }
}

/**
 * Pins the content of a source by its digest, if this process can read it. From then on the request
 * refers to these bytes, and neither planning nor a repeated submit accepts others. Otherwise the
 * planning worker reads it: a file may be on another machine.
 *
 * @param places where this caller may read files on this machine
 */
export async function pinContent(
  request: DeletionRequest,
  places: FilePlaces,
  signal?: AbortSignal,
): Promise<DeletionRequest> {
  const isUnreadable = (error: unknown) =>
    error instanceof RefusedError || error instanceof SourceError
  return { ...request, source: await pinLists(request.source, places, isUnreadable, signal) }
}
