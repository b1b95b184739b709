import { createHash } from 'node:crypto'
import { type Clock, systemClock } from '../../../shared/base/clock.ts'
import { Bucket } from '../../../shared/bucket/bucket.ts'
import type { RequestRecord } from '../../../shared/store/ledger/record.ts'
import { decompress } from '../decompress.ts'
import { limited, tooLarge } from '../limit.ts'
import type { SourcePart, SourceReading } from '../source.ts'
import { changed, notConfigured } from './errors.ts'
import { findObjects, type S3Source } from './find-objects.ts'
import { type ExpectedObject, placeOf, readObject } from './read-object.ts'

type S3Reading = Pick<SourceReading, 'settings' | 'notes' | 'signal'> & {
  readonly record: Pick<RequestRecord, 'limits'>
}

/**
 * The objects of a source, each a text of its own, plain or compressed. They are found once, at the
 * start; each call asks for the version that was there then.
 *
 * @throws RefusedError SOURCE_TOO_LARGE before anything is read, if a stored object is too large
 */
export async function* openS3(
  source: S3Source,
  { record, settings: { buckets, maxBytes, proxyEnv }, notes, signal }: S3Reading,
  clock: Clock = systemClock,
): AsyncGenerator<SourcePart> {
  signal.throwIfAborted()
  const settings = buckets.get(source.bucket)
  if (settings === undefined) throw notConfigured(source.bucket, [...buckets.keys()])
  const bucket = new Bucket(settings, { proxyEnv })
  try {
    const objects = await findObjects(source, bucket, record.limits?.objects ?? null, signal)
    const large = objects.find(({ bytes }) => bytes > maxBytes)
    if (large !== undefined) throw tooLarge(placeOf(bucket, large.key), maxBytes)
    const seen = fingerprintOf(objects)
    if ((await notes.pin('seen', seen)) === 'other') throw changed(placeIn(bucket, source))
    const hash = createHash('sha256')
    for (const object of objects) {
      const place = placeOf(bucket, object.key)
      const stored = readObject(bucket, object, { signal, hash, clock })
      const name = source.key === undefined ? object.key : null
      yield { name, bytes: limited(decompress(stored, place), place, maxBytes) }
    }
    await notes.pin('content', { bytes: seen.bytes, sha256: hash.digest('hex') })
  } finally {
    await bucket.close()
  }
}

function fingerprintOf(objects: readonly ExpectedObject[]) {
  const hash = createHash('sha256')
  for (const { key, etag, bytes } of objects) hash.update(JSON.stringify([key, etag, bytes]))
  return {
    objects: objects.length,
    bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0),
    sha256: hash.digest('hex'),
  }
}

const placeIn = (bucket: Bucket, { key, prefix, manifest }: S3Source): string =>
  placeOf(bucket, key ?? prefix ?? manifest ?? '')
