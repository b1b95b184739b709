import { hash, randomUUID } from 'node:crypto'
import { RefusedError, SourceError } from '../../base/errors.ts'
import type { DeletionRequest } from '../../contract/request.ts'
import type { FilePlaces } from '../../contract/sources/kind.ts'
import { kindOf } from '../../contract/sources/sources.ts'
import type { Staged } from '../ledger/record.ts'
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
  const bytes = kindOf(source).stage(source, upload)
  if (bytes === null) return { staged: null }
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

async function stageBytes(
  store: OrgStore,
  request: string,
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Staged> {
  const lot = { request, lot: newLot() }
  const writer = store.staging.write(lot, 0)
  try {
    let unseen = 0
    for await (const block of bytes) {
      await explained(() => writer.write(block))
      unseen += block.length
      if (unseen < LOOK_EVERY_BYTES) continue
      await explained(() => assertRoom(store))
      unseen = 0
    }
    return { lot: lot.lot, inRecord: false, ...(await explained(() => writer.end())) }
  } catch (error) {
    // A frame may still be in flight; once this returns, none is.
    await writer.end().catch(() => {})
    if (troubleOf(error) !== 'REDIS_AWAY') await dropQuietly(lot, store)
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
  const { source } = request
  try {
    const pinned = await kindOf(source).pin?.(source, places, signal)
    return pinned === undefined ? request : { ...request, source: pinned }
  } catch (error) {
    if (error instanceof RefusedError || error instanceof SourceError) return request
    throw error
  }
}
