import { createHash } from 'node:crypto'
import { type Clock, systemClock } from '../../../shared/base/clock.ts'
import { Bucket, type BucketObject } from '../../../shared/bucket/bucket.ts'
import type { StoredSource } from '../../../shared/contract/sources/sources.ts'
import { decompress } from '../decompress.ts'
import type { SourceReading } from '../source.ts'
import { changed, notConfigured, toSourceError } from './errors.ts'
import { placeOf, readObject } from './read-object.ts'

type S3Source = Extract<StoredSource, { readonly type: 's3' }>

type S3Reading = Pick<SourceReading, 'settings' | 'notes' | 'signal'>

/** An object of a bucket, plain or compressed with gzip or zstd. */
export function openS3(
  source: S3Source,
  reading: S3Reading,
  clock: Clock = systemClock,
): AsyncIterable<Uint8Array> {
  return decompress(readPinned(source, reading, clock), `s3://${source.bucket}/${source.key}`)
}

/**
 * Every call asks for the version that was there when the first attempt to plan the request opened
 * the source.
 */
async function* readPinned(
  { bucket: name, key }: S3Source,
  { settings: { buckets, proxyEnv }, notes, signal }: S3Reading,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted()
  const settings = buckets.get(name)
  if (settings === undefined) throw notConfigured(name, [...buckets.keys()])
  const bucket = new Bucket(settings, { proxyEnv })
  try {
    const found = await findObject(bucket, key, signal)
    const { etag, bytes } = found
    if ((await notes.pin('seen', { etag, bytes })) === 'other') throw changed(placeOf(bucket, key))
    const hash = createHash('sha256')
    yield* readObject(bucket, found, { signal, hash, clock })
    await notes.pin('content', { bytes, sha256: hash.digest('hex') })
  } finally {
    await bucket.close()
  }
}

/** The answer to HEAD does not say what is wrong, but that to GET does. */
async function findObject(bucket: Bucket, key: string, signal: AbortSignal): Promise<BucketObject> {
  try {
    return await bucket.head(key, signal).catch(() => bucket.read(key, { signal }))
  } catch (error) {
    throw toSourceError(error)
  }
}
