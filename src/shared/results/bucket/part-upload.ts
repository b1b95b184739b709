import type { Bucket } from '../../bucket/bucket.ts'
import type { PartTarget } from '../csv.ts'
import { Assembly, SMALLEST_PART } from './assembly.ts'
import { inStore, isMissing } from './objects.ts'

/** Writes a part as one object; if it is large, by a multipart upload with one buffer in memory. */
export class PartUpload implements PartTarget {
  readonly name: string
  readonly blockBytes = SMALLEST_PART
  readonly #bucket: Bucket
  readonly #key: string
  readonly #assembly: Assembly
  readonly #check: () => Promise<void>

  /** @param check checks that the bucket still holds the results store */
  constructor(bucket: Bucket, key: string, check: () => Promise<void>) {
    this.#bucket = bucket
    this.#key = key
    this.name = key.slice(key.lastIndexOf('/') + 1)
    this.#assembly = new Assembly(bucket, key)
    this.#check = check
  }

  write(block: Uint8Array): Promise<void> {
    // A short block is held until commit, when its buffer may have been used again.
    const bytes = block.length < SMALLEST_PART ? Uint8Array.from(block) : block
    return inStore(() => this.#assembly.add(bytes))
  }

  async end(): Promise<void> {}

  commit(): Promise<void> {
    return inStore(async () => {
      await this.#check()
      await this.#assembly.complete(() => this.#exists())
    })
  }

  discard(): Promise<void> {
    return this.#assembly.abort()
  }

  /** No other part has its name, and an object appears as a whole. */
  async #exists(): Promise<boolean> {
    try {
      await this.#bucket.head(this.#key)
      return true
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
  }
}
