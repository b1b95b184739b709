import { addAbortSignal, Readable } from 'node:stream'
import type {
  ListMultipartUploadsCommandOutput,
  ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3'
import { Calls } from './calls.ts'
import type { ClientOptions } from './client.ts'
import { BucketError } from './errors.ts'
import { MultipartUpload, type ObjectVersion } from './multipart.ts'
import type { BucketSettings } from './settings.ts'

/** An object as a bucket lists it. */
export interface BucketObject {
  readonly key: string
  readonly bytes: number
  /** As the server writes it, usually in quotes. A replaced object has another one. */
  readonly etag: string
}

/** An object that is being read. */
export interface OpenObject extends BucketObject {
  /** Read it to its end or leave the loop: either ends the call. */
  readonly body: AsyncIterable<Uint8Array>
}

interface ReadOptions {
  /** Refuses the object with PRECONDITION_FAILED if it has been replaced since. */
  readonly etag?: string | undefined
  /** First byte that is wanted. */
  readonly from?: number | undefined
  readonly signal?: AbortSignal | undefined
}

interface WriteOptions {
  readonly contentType?: string | undefined
  /**
   * Refuses to replace an object, with PRECONDITION_FAILED. A call whose answer was lost is repeated,
   * so the object that is found may be the caller's own.
   */
  readonly ifAbsent?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** Objects that are removed at once. One call each: several servers lack S3's call for many. */
const REMOVED_AT_ONCE = 8

/**
 * A bucket of Amazon S3 or of a compatible server. Every call throws a `BucketError`, or the signal's
 * reason if it aborts. An object appears, and is replaced, as a whole.
 */
export class Bucket {
  readonly #calls: Calls

  /** Opens no connection yet. */
  constructor(settings: BucketSettings, options: ClientOptions = {}) {
    this.#calls = new Calls(settings, options)
  }

  get settings(): BucketSettings {
    return this.#calls.settings
  }

  /** @throws BucketError OBJECT_NOT_FOUND, for a missing bucket too: the answer has no details */
  async head(key: string, signal?: AbortSignal): Promise<BucketObject> {
    const { place } = this.#calls
    return this.#calls.read(key, signal, async (s3, sdk, options) => {
      const answer = await s3.send(new sdk.HeadObjectCommand({ ...place, Key: key }), options)
      return objectOf({ Key: key, Size: answer.ContentLength, ETag: answer.ETag })
    })
  }

  /** The content of an object from a byte on. */
  async read(key: string, { etag, from = 0, signal }: ReadOptions = {}): Promise<OpenObject> {
    const input = {
      ...{ ...this.#calls.place, Key: key },
      ...(etag !== undefined && { IfMatch: etag }),
      ...(from > 0 && { Range: `bytes=${from}-` }),
    }
    return this.#calls.read(key, signal, async (s3, sdk, options) => {
      const { Body, ...answer } = await s3.send(new sdk.GetObjectCommand(input), options)
      const Size = totalOf(answer.ContentRange) ?? answer.ContentLength
      if (!(Body instanceof Readable)) throw new TypeError('Expected a stream of Node.')
      if (from > 0 && !answer.ContentRange?.startsWith(`bytes ${from}-`)) throw noRanges(Body, key)
      if (signal !== undefined) addAbortSignal(signal, Body)
      const body = this.#bodyOf(Body, key, signal)
      return { ...objectOf({ Key: key, Size, ETag: answer.ETag }), body }
    })
  }

  async *#bodyOf(body: Readable, key: string, signal: AbortSignal | undefined) {
    try {
      for await (const block of body) yield block as Uint8Array
      signal?.throwIfAborted()
    } catch (error) {
      throw this.#calls.failure(key, signal, error)
    } finally {
      body.destroy()
    }
  }

  /** The objects whose keys begin with a prefix, read a page of up to 1,000 at a time. */
  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<BucketObject> {
    let token: string | undefined
    do {
      const input = {
        ...{ ...this.#calls.place, Prefix: prefix },
        ...(token !== undefined && { ContinuationToken: token }),
      }
      const page: ListObjectsV2CommandOutput = await this.#calls.read(
        null,
        signal,
        (s3, sdk, options) => s3.send(new sdk.ListObjectsV2Command(input), options),
      )
      yield* (page.Contents ?? []).map(objectOf)
      token = page.IsTruncated ? nextToken(page, token) : undefined
    } while (token !== undefined)
  }

  /** Whether the bucket exists and its keys may be listed. */
  async check(signal?: AbortSignal): Promise<void> {
    const input = { ...this.#calls.place, MaxKeys: 1 }
    await this.#calls.read(null, signal, (s3, sdk, options) =>
      s3.send(new sdk.ListObjectsV2Command(input), options),
    )
  }

  async put(key: string, content: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    const input = {
      ...{ ...this.#calls.place, Key: key, Body: content, ...typeOf(options) },
      ...(options.ifAbsent && { IfNoneMatch: '*' }),
    }
    await this.#calls.change('put', key, options.signal, (s3, sdk, options) =>
      s3.send(new sdk.PutObjectCommand(input), options),
    )
  }

  /**
   * Copies an object of up to 5 GiB, unless it was replaced since it was seen. Copy larger ones with
   * `upload` and `copyPart`.
   */
  async copy({ key, etag }: ObjectVersion, to: string, signal?: AbortSignal): Promise<void> {
    const source = { CopySource: this.#calls.sourceOf(key), CopySourceIfMatch: etag }
    const input = { ...this.#calls.place, Key: to, ...source }
    await this.#calls.change('copy', key, signal, (s3, sdk, options) =>
      s3.send(new sdk.CopyObjectCommand(input), options),
    )
  }

  /** A key without an object is no error. */
  async remove(keys: Iterable<string>, signal?: AbortSignal): Promise<void> {
    const left = [...keys]
    while (left.length > 0) {
      const some = left.splice(0, REMOVED_AT_ONCE)
      await Promise.all(some.map((key) => this.#removeOne(key, signal)))
    }
  }

  async #removeOne(key: string, signal: AbortSignal | undefined): Promise<void> {
    const input = { ...this.#calls.place, Key: key }
    const removal = this.#calls.change('remove', key, signal, (s3, sdk, options) =>
      s3.send(new sdk.DeleteObjectCommand(input), options),
    )
    await removal.catch((error: unknown) => {
      // Amazon answers a missing key with success, other servers with 404.
      if (!(error instanceof BucketError) || error.code !== 'OBJECT_NOT_FOUND') throw error
    })
  }

  /** Starts a multipart upload. The server keeps its parts until it is completed or aborted. */
  async upload(
    key: string,
    options: Omit<WriteOptions, 'ifAbsent'> = {},
  ): Promise<MultipartUpload> {
    const { signal } = options
    const input = { ...this.#calls.place, Key: key, ...typeOf(options) }
    const { UploadId } = await this.#calls.change('start-upload', key, signal, (s3, sdk, options) =>
      s3.send(new sdk.CreateMultipartUploadCommand(input), options),
    )
    return new MultipartUpload(this.#calls, key, UploadId ?? '', signal)
  }

  /** The uploads that were neither completed nor aborted, to keys that begin with a prefix. */
  async *uploads(prefix: string, signal?: AbortSignal): AsyncGenerator<MultipartUpload> {
    let after: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
    while (after !== undefined) {
      const input = { ...this.#calls.place, Prefix: prefix, ...after }
      const page: ListMultipartUploadsCommandOutput = await this.#calls.read(
        null,
        signal,
        (s3, sdk, options) => s3.send(new sdk.ListMultipartUploadsCommand(input), options),
      )
      for (const { Key = '', UploadId = '' } of page.Uploads ?? []) {
        yield new MultipartUpload(this.#calls, Key, UploadId, signal)
      }
      const { IsTruncated, NextKeyMarker = '', NextUploadIdMarker = '' } = page
      after = IsTruncated
        ? { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker }
        : undefined
    }
  }

  close(): Promise<void> {
    return this.#calls.close()
  }
}

const typeOf = ({ contentType }: WriteOptions) =>
  contentType === undefined ? {} : { ContentType: contentType }

/** The SDK's types allow an object without these, but S3 always sends them. */
function objectOf(found: {
  readonly Key?: string | undefined
  readonly Size?: number | undefined
  readonly ETag?: string | undefined
}): BucketObject {
  const { Key: key, Size: bytes, ETag: etag } = found
  if (key !== undefined && bytes !== undefined && etag !== undefined) return { key, bytes, etag }
  throw new BucketError(
    'BUCKET_FAULT',
    `The server did not send key, size and ETag of ${key ?? 'an object'}, as S3 does. Check the endpoint.`,
  )
}

/** Servers with the older list alone send no token. The keys of the other pages would be missing. */
function nextToken(
  { NextContinuationToken: next }: ListObjectsV2CommandOutput,
  last: string | undefined,
): string {
  if (next !== undefined && next !== '' && next !== last) return next
  throw new BucketError(
    'BUCKET_NOT_SUPPORTED',
    'The server sent one page of a longer list, and no new continuation token. It must support ListObjectsV2.',
  )
}

function noRanges(body: Readable, key: string): BucketError {
  body.destroy()
  const message = `The server sent ${key} from its start, although a later part was asked for.`
  return new BucketError('BUCKET_NOT_SUPPORTED', message)
}

/** Length of the whole object, from `bytes 5-9/100`. */
function totalOf(contentRange: string | undefined): number | undefined {
  const [, total] = /\/(\d+)$/.exec(contentRange ?? '') ?? []
  return total === undefined ? undefined : Number(total)
}
