import { createHash, type Hash } from 'node:crypto'
import type { LedgerConnection } from '../ledger/connection.ts'
import type { OrgKeys } from '../ledger/keys.ts'
import type { RedisClient } from '../redis/redis.ts'
import { FRAME_BYTES, pack, StagingError, unpack } from './frame.ts'
import { type Lot, lotsOf, type StagedLot } from './lots.ts'

export { FRAME_BYTES, type Lot, type StagedLot, StagingError, unpack }

/**
 * Ids and uploads that wait in Redis, beside the queue: lists of zstd frames. A lot is everything
 * that one planning attempt, or one upload, staged. One process writes it; any may read it.
 */

/** Frames per call. They are unpacked one by one: each of the ten uploads of an org holds some. */
const FETCHED = 2

export type Staging = ReturnType<typeof createStaging>

/** @param now for tests; defaults to Redis's own time for each frame */
export function createStaging(
  ledger: LedgerConnection,
  keys: OrgKeys,
  now: (() => number) | null = null,
) {
  const lots = lotsOf(ledger, keys)
  return {
    /**
     * Begins the next list of a lot. Bytes are cut into frames of one size, compressed and
     * appended.
     */
    write: (lot: Lot, chunk: number): Pick<FrameWriter, 'write' | 'end'> =>
      new FrameWriter(lots, lot, chunk, now),
    /** The uncompressed bytes of a list, frame by frame, in order. */
    read: (lot: Lot, chunk: number): AsyncGenerator<Uint8Array> =>
      readFrames(ledger.redis, keys.frames(lot.request, lot.lot, chunk)),
    /** The first and the last frame of a lot, uncompressed; null if it has none. */
    async ends({ request, lot }: Lot): Promise<readonly [Uint8Array, Uint8Array] | null> {
      const found = await lots.find({ request, lot })
      if (found === null) return null
      const frame = async (list: number, at: number) => {
        const key = keys.frames(request, lot, list)
        const packed = await ledger.redis.lindexBuffer(key, at)
        return packed === null ? null : unpack(packed, key)
      }
      const [first, last] = [await frame(found.first, 0), await frame(found.chunks - 1, -1)]
      return first === null || last === null ? null : [first, last]
    },
    drop: lots.drop,
    lots: lots.all,
    lotsPage: lots.page,
  }
}

class FrameWriter {
  readonly #lots: ReturnType<typeof lotsOf>
  readonly #lot: Lot
  readonly #chunk: number
  readonly #now: (() => number) | null
  readonly #hash: Hash = createHash('sha256')
  /**
   * One buffer fills while the other is compressed and sent; new ones per frame made 80 MB of
   * garbage per plan. They grow as needed: two full ones took most of the time of a list of ten
   * ids.
   */
  #buffer = new Uint8Array()
  #spare = new Uint8Array()
  #used = 0
  #bytes = 0
  #frames = 0
  #sending: Promise<void> = Promise.resolve()

  constructor(
    lots: ReturnType<typeof lotsOf>,
    lot: Lot,
    chunk: number,
    now: (() => number) | null,
  ) {
    this.#lots = lots
    this.#lot = lot
    this.#chunk = chunk
    this.#now = now
  }

  /** Takes a copy of the bytes; resolves when there is room for more. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes)
    this.#bytes += bytes.length
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + FRAME_BYTES - this.#used)
      this.#makeRoom(this.#used + part.length)
      this.#buffer.set(part, this.#used)
      this.#used += part.length
      at += part.length
      if (this.#used === FRAME_BYTES) await this.#flush()
    }
  }

  #makeRoom(bytes: number): void {
    if (bytes <= this.#buffer.length) return
    const larger = new Uint8Array(Math.min(FRAME_BYTES, Math.max(bytes, 2 * this.#buffer.length)))
    larger.set(this.#buffer.subarray(0, this.#used))
    this.#buffer = larger
  }

  /** Sends the rest. Digest and length cover all uncompressed bytes. */
  async end(): Promise<{ bytes: number; sha256: string }> {
    if (this.#used > 0) await this.#flush()
    await this.#sending
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') }
  }

  /**
   * Compresses and sends one frame while the next one fills. This keeps the order and needs memory
   * for two frames.
   */
  async #flush(): Promise<void> {
    await this.#sending
    const raw = this.#buffer.subarray(0, this.#used)
    this.#buffer = this.#spare
    this.#spare = new Uint8Array(raw.buffer)
    this.#used = 0
    this.#sending = this.#send(raw)
    // The next write or end() reports the failure; until then it must not count as unhandled.
    this.#sending.catch(() => {})
  }

  async #send(raw: Uint8Array): Promise<void> {
    const frame = await pack(raw)
    await this.#lots.append(this.#lot, {
      chunk: this.#chunk,
      at: this.#frames++,
      frame,
      now: this.#now?.() ?? null,
    })
  }
}

async function* readFrames(redis: RedisClient, key: string): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; at += FETCHED) {
    const frames = await redis.lrangeBuffer(key, at, at + FETCHED - 1)
    for (const frame of frames) yield unpack(frame, key)
    if (frames.length < FETCHED) return
  }
}
