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

/** Where the bytes of a source are that the worker is to find in Redis. */
interface Intake {
  /** Null where the worker opens the source itself. */
  readonly staged: Staged | null
  /** Not yet in Redis: the one frame that is entered with its request's record. */
  readonly frame?: Buffer
}

/**
 * Brings the ids of a list, or the bytes of an upload, to Redis. A list that fits into one frame is
 * only made ready: it costs its request no call of its own, and leaves nothing to drop.
 *
 * @throws RedisUnavailableError where Redis has no room, takes no writes or does not answer
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

/** Bytes between two looks at how full Redis is; what is smaller is always taken. */
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
    // A frame may still be on its way; after this one none is.
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

/** What cannot be dropped now is dropped by the sweep. */
export async function dropQuietly(lot: Lot, { staging }: OrgStore): Promise<void> {
  try {
    await staging.drop(lot)
  } catch (error) {
    if (troubleOf(error) === null) throw error
  }
}

/**
 * Names the content of a source by its digest, where this process can read it: from then on the
 * request is about these bytes, and neither a planner nor a repeated submit takes others for them.
 * What cannot be read here is left to whoever plans it: a file may lie on another machine.
 *
 * @param places where files may be read here, and by this caller
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
