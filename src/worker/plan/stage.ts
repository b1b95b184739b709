import type { OrgConfig } from '../../shared/config.ts'
import type { ChunkRef } from '../../shared/ledger/record.ts'
import { ID_LENGTH } from '../../shared/record-id.ts'
import type { FrameWriter, Lot, Staging } from '../../shared/staging.ts'
import { idsThatFit } from '../ingest/upload.ts'

/**
 * Cuts the accepted ids, in their order, into chunks that each fit one ingest job, and stages them.
 * A chunk ends at the limit and nowhere else, so a plan has as few ingest jobs as it can have.
 */
export class ChunkStager {
  readonly #staging: Staging
  readonly #lot: Lot
  readonly #limit: number
  readonly #chunks: ChunkRef[] = []
  #writer: FrameWriter | null = null
  #count = 0

  /** @param limit ids of a full chunk, at least 1 */
  constructor(staging: Staging, lot: Lot, limit: number) {
    this.#staging = staging
    this.#lot = lot
    this.#limit = limit
  }

  /** Chunks that are full. */
  get chunks(): number {
    return this.#chunks.length
  }

  /** Takes any number of canonical ids; resolves when there is room for more. */
  async write(ids: Uint8Array): Promise<void> {
    for (let at = 0; at < ids.length; ) {
      const room = (this.#limit - this.#count) * ID_LENGTH
      const part = ids.subarray(at, at + room)
      this.#writer ??= this.#staging.write(this.#lot, this.#chunks.length)
      await this.#writer.write(part)
      this.#count += part.length / ID_LENGTH
      at += part.length
      if (this.#count === this.#limit) await this.#endChunk()
    }
  }

  /** Ends the last chunk. */
  async end(): Promise<readonly ChunkRef[]> {
    if (this.#count > 0) await this.#endChunk()
    return this.#chunks
  }

  async #endChunk(): Promise<void> {
    if (this.#writer === null) return
    const { sha256 } = await this.#writer.end()
    this.#chunks.push({
      ...this.#lot,
      chunk: this.#chunks.length,
      attempt: 1,
      count: this.#count,
      sha256,
    })
    this.#writer = null
    this.#count = 0
  }
}

/** How many ids one ingest job of this org carries at most. */
export function chunkLimit({ maxJobBytes, maxJobRecords }: OrgConfig): number {
  return Math.min(idsThatFit(maxJobBytes), maxJobRecords ?? Number.POSITIVE_INFINITY)
}
