import { createHash, type Hash } from 'node:crypto'
import type { Clock } from '../../../shared/base/clock.ts'
import type { Bucket } from '../../../shared/bucket/bucket.ts'
import { BucketError } from '../../../shared/bucket/errors.ts'
import { resumed } from '../../../shared/bucket/resume.ts'
import { failed, toSourceError } from './errors.ts'

/** An object as it must be found. */
export interface ExpectedObject {
  readonly key: string
  readonly etag: string
  readonly bytes: number
  /** Hex SHA-256 of its bytes, if a manifest has it. */
  readonly sha256?: string | undefined
}

interface ReadOptions {
  readonly signal: AbortSignal
  /** Receives every byte, to hash all objects of a source. */
  readonly hash?: Hash
  readonly clock?: Clock
}

/**
 * The bytes of an object. If the connection breaks, reading continues at the next byte, of the same
 * version.
 *
 * @throws SourceError SOURCE_CHANGED if the object was replaced since it was seen
 * @throws SourceError SOURCE_TRUNCATED if the connection breaks for good
 */
export async function* readObject(
  bucket: Bucket,
  { key, etag, bytes, sha256 }: ExpectedObject,
  { signal, hash, clock }: ReadOptions,
): AsyncGenerator<Uint8Array> {
  const own = sha256 === undefined ? undefined : createHash('sha256')
  let read = 0
  try {
    for await (const block of resumed(bucket, { key, etag, bytes }, { signal, clock })) {
      read += block.length
      own?.update(block)
      hash?.update(block)
      yield block
    }
  } catch (error) {
    signal.throwIfAborted()
    const isTransient = error instanceof BucketError && error.retryable
    throw isTransient ? lost(error, read, bytes) : toSourceError(error)
  }
  if (own === undefined || own.digest('hex') === sha256) return
  throw failed(
    'SOURCE_CHANGED',
    `${placeOf(bucket, key)} does not have the SHA-256 of the manifest.`,
  )
}

function lost({ message }: BucketError, read: number, bytes: number) {
  return read === 0
    ? failed('SOURCE_NOT_READABLE', message)
    : failed(
        'SOURCE_TRUNCATED',
        `The connection was lost after ${read} of ${bytes} bytes. ${message}`,
      )
}

export const placeOf = ({ settings }: Bucket, key: string): string =>
  `s3://${settings.bucket}/${key}`
