import type { Bucket, BucketObject } from '../../bucket/bucket.ts'
import { isUploadGone, type MultipartUpload } from '../../bucket/multipart.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB

/** Every part of a multipart upload but the last has at least this many bytes. */
export const SMALLEST_PART = 5 * MIB
/** Most bytes that one call copies. */
const LARGEST_COPY = 5 * GIB

/** The type of every result file. */
export const CSV = { contentType: 'text/csv; charset=utf-8' }

/**
 * Makes an object of bytes and of ranges of other objects. Ranges are copied within the bucket, so
 * only what is too small for that is sent again.
 */
export class Assembly {
  readonly #bucket: Bucket
  readonly #key: string
  /** Fewer bytes than `SMALLEST_PART`. */
  #held: Uint8Array[] = []
  #heldBytes = 0
  #upload: MultipartUpload | null = null
  #parts = 0

  constructor(bucket: Bucket, key: string) {
    this.#bucket = bucket
    this.#key = key
  }

  /** Appends bytes, which it keeps. */
  async add(bytes: Uint8Array): Promise<void> {
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    if (this.#heldBytes >= SMALLEST_PART) await this.#send()
  }

  /**
   * Appends an object from a byte on, if it still has the content that was seen.
   *
   * @param head its first bytes from there on, at least `SMALLEST_PART` of them; as many again must
   *   follow
   */
  async addObject(object: BucketObject, from: number, head: Uint8Array): Promise<void> {
    const fill = this.#heldBytes === 0 ? 0 : SMALLEST_PART - this.#heldBytes
    if (fill > 0) await this.add(head.subarray(0, fill))
    const upload = await this.#started()
    let first = from + fill
    while (first < object.bytes) {
      const left = object.bytes - first
      // The last range must not become too small, so the others are far below the limit.
      const last = first + (left <= LARGEST_COPY ? left : GIB) - 1
      await upload.copyPart(++this.#parts, object, { first, last })
      first = last + 1
    }
  }

  /**
   * The object appears, or replaces the one of that key.
   *
   * @param isWritten whether the object is there. Asked if the upload is gone: some servers answer so to a
   *   repeated call, after the answer to the first was lost
   */
  async complete(isWritten = async () => false): Promise<void> {
    if (this.#upload === null) {
      return this.#bucket.put(this.#key, Buffer.concat(this.#held), CSV)
    }
    if (this.#heldBytes > 0) await this.#send()
    await this.#upload.complete().catch(async (error: unknown) => {
      if (!isUploadGone(error) || !(await isWritten())) throw error
    })
    this.#upload = null
  }

  /** Removes what was sent, unless the object was completed. */
  async abort(): Promise<void> {
    // What remains after a failure is removed with the parts of the request.
    await this.#upload?.abort().catch(() => {})
    this.#upload = null
  }

  async #send(): Promise<void> {
    const [only] = this.#held
    const bytes = only !== undefined && this.#held.length === 1 ? only : Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    const upload = await this.#started()
    await upload.part(++this.#parts, bytes)
  }

  async #started(): Promise<MultipartUpload> {
    this.#upload ??= await this.#bucket.upload(this.#key, CSV)
    return this.#upload
  }
}

/** Copies an object within the bucket, if it still has the content that was seen. */
export async function copyObject(bucket: Bucket, object: BucketObject, to: string): Promise<void> {
  if (object.bytes <= LARGEST_COPY) return bucket.copy(object, to)
  const assembly = new Assembly(bucket, to)
  try {
    await assembly.addObject(object, 0, new Uint8Array(0))
    await assembly.complete()
  } finally {
    await assembly.abort()
  }
}
