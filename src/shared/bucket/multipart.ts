import type { Calls, Send } from './calls.ts'
import { BucketError } from './errors.ts'

/** Bytes of an object, both ends included. */
interface ByteRange {
  readonly first: number
  readonly last: number
}

/** An object with the content that it had when it was seen. */
export interface ObjectVersion {
  readonly key: string
  readonly etag: string
}

/** A large object that is written in parts, which may be sent in parallel. */
export class MultipartUpload {
  readonly #calls: Calls
  readonly #upload: { readonly Bucket: string; readonly Key: string; readonly UploadId: string }
  readonly #signal: AbortSignal | undefined
  readonly #etags = new Map<number, string | undefined>()

  get key(): string {
    return this.#upload.Key
  }

  constructor(calls: Calls, key: string, id: string, signal: AbortSignal | undefined) {
    this.#calls = calls
    this.#upload = { ...calls.place, Key: key, UploadId: id }
    this.#signal = signal
  }

  /** @param number from 1 to 10,000; every part but the last has at least 5 MiB */
  async part(number: number, content: Uint8Array): Promise<void> {
    const input = { ...this.#upload, PartNumber: number, Body: content }
    const { ETag } = await this.#change('upload-part', (s3, sdk, options) =>
      s3.send(new sdk.UploadPartCommand(input), options),
    )
    this.#etags.set(number, ETag)
  }

  /**
   * Takes a part of at most 5 GiB from an object of the bucket, without its bytes passing through this
   * process, unless the object was replaced since it was seen.
   */
  async copyPart(number: number, { key, etag }: ObjectVersion, range?: ByteRange): Promise<void> {
    const input = {
      ...{ ...this.#upload, PartNumber: number, CopySource: this.#calls.sourceOf(key) },
      CopySourceIfMatch: etag,
      ...(range && { CopySourceRange: `bytes=${range.first}-${range.last}` }),
    }
    const { CopyPartResult } = await this.#change('copy-part', (s3, sdk, options) =>
      s3.send(new sdk.UploadPartCopyCommand(input), options),
    )
    this.#etags.set(number, CopyPartResult?.ETag)
  }

  /** Makes the object of all parts, in the order of their numbers. */
  async complete(): Promise<void> {
    const parts = [...this.#etags].sort(([a], [b]) => a - b)
    const Parts = parts.map(([PartNumber, ETag]) => ({ PartNumber, ETag }))
    const input = { ...this.#upload, MultipartUpload: { Parts } }
    await this.#change('complete-upload', (s3, sdk, options) =>
      s3.send(new sdk.CompleteMultipartUploadCommand(input), options),
    )
  }

  /** Removes the parts. An upload that no longer exists is no error. */
  async abort(): Promise<void> {
    const { Key } = this.#upload
    // Also after the signal: otherwise the server would keep the parts.
    const removal = this.#calls.change('abort-upload', Key, undefined, (s3, sdk, options) =>
      s3.send(new sdk.AbortMultipartUploadCommand(this.#upload), options),
    )
    await removal.catch((error: unknown) => {
      if (!isUploadGone(error)) throw error
    })
  }

  #change<T>(name: string, send: Send<T>): Promise<T> {
    return this.#calls.change(name, this.#upload.Key, this.#signal, send)
  }
}

/** The upload was completed or aborted, by an earlier call whose answer was lost or by another process. */
export const isUploadGone = (error: unknown): boolean =>
  error instanceof BucketError && error.code === 'UPLOAD_NOT_FOUND'
