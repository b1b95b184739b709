import { ID_LENGTH } from '../../shared/contract/record-id.ts'
import type { ChunkRef } from '../../shared/store/ledger/chunk.ts'
import type { Lot, Staging } from '../../shared/store/staging/staging.ts'

/** What the chunks of one stager share; `first` is the number of the first chunk. */
type Alike = Pick<ChunkRef, 'attempt' | 'excused' | 'doubt'> & { readonly first: number }

/**
 * Splits the accepted ids, in order, into chunks that each fit one ingest job, and stages them.
 * Chunks end only at the limit, so a plan has as few ingest jobs as possible.
 */
export class ChunkStager {
  readonly #staging: Staging
  readonly #lot: Lot
  readonly #limits: ChunkLimits
  readonly #alike: Alike
  readonly #chunks: ChunkRef[] = []
  #writer: ReturnType<Staging['write']> | null = null
  #count = 0

  /**
   * @param limits ids of a full chunk, at least 1: of the first chunk, and of all others
   * @param alike what its chunks share; a plan's chunks are of the first attempt
   */
  constructor(
    staging: Staging,
    lot: Lot,
    limits: ChunkLimits,
    alike: Alike = { first: 0, attempt: 1 },
  ) {
    this.#staging = staging
    this.#lot = lot
    this.#limits = limits
    this.#alike = alike
  }

  /** Number of full chunks. */
  get chunks(): number {
    return this.#chunks.length
  }

  /** Takes any number of canonical ids; resolves when there is room for more. */
  async write(ids: Uint8Array, signal?: AbortSignal): Promise<void> {
    for (let at = 0; at < ids.length; ) {
      signal?.throwIfAborted()
      const limit = this.#chunks.length === 0 ? this.#limits.first : this.#limits.other
      const room = (limit - this.#count) * ID_LENGTH
      const part = ids.subarray(at, at + room)
      this.#writer ??= this.#staging.write(this.#lot, this.#number)
      await this.#writer.write(part)
      this.#count += part.length / ID_LENGTH
      at += part.length
      if (this.#count === limit) await this.#endChunk()
    }
  }

  /** Ends the last chunk. */
  async end(): Promise<readonly ChunkRef[]> {
    if (this.#count > 0) await this.#endChunk()
    return this.#chunks
  }

  get #number(): number {
    return this.#alike.first + this.#chunks.length
  }

  async #endChunk(): Promise<void> {
    if (this.#writer === null) return
    const { sha256 } = await this.#writer.end()
    const { first: _, ...alike } = this.#alike
    this.#chunks.push({
      ...this.#lot,
      ...alike,
      chunk: this.#number,
      count: this.#count,
      sha256,
    })
    this.#writer = null
    this.#count = 0
  }
}

/** Ids of a full chunk. */
interface ChunkLimits {
  readonly first: number
  readonly other: number
}
