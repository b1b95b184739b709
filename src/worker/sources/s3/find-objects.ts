import { RefusedError } from '../../../shared/base/errors.ts'
import type { Bucket, BucketObject } from '../../../shared/bucket/bucket.ts'
import { resumed } from '../../../shared/bucket/resume.ts'
import { isWithin } from '../../../shared/contract/sources/s3.ts'
import type { StoredList } from '../../../shared/contract/sources/sources.ts'
import { failed, toSourceError } from './errors.ts'
import { type ManifestEntry, parseManifest } from './manifest.ts'
import { type ExpectedObject, placeOf } from './read-object.ts'

export type S3Source = Extract<StoredList, { readonly type: 's3' }>

/** Lists and manifests that name more are refused: each object costs a call. */
const MOST_OBJECTS = 100_000
const MOST_MANIFEST_BYTES = 64 * 1024 * 1024
/** Objects of a manifest that are looked at at once. */
const AT_ONCE = 16

/**
 * The objects of a source as they are now, in the order of reading.
 *
 * @param places the only places that the caller may read; null: no limit
 *
 * @throws RefusedError, SourceError
 */
export async function findObjects(
  { bucket: name, key, prefix, manifest }: S3Source,
  bucket: Bucket,
  places: readonly string[] | null,
  signal: AbortSignal,
): Promise<readonly ExpectedObject[]> {
  try {
    if (key !== undefined) return [await lookAt(bucket, key, signal)]
    if (prefix !== undefined) return await listBelow(bucket, prefix, signal)
    return await listOf(
      bucket,
      manifest ?? '',
      (key) => places === null || isWithin(places, name, key),
      signal,
    )
  } catch (error) {
    throw toSourceError(error)
  }
}

/** The answer to HEAD does not say what is wrong, but that to GET does. */
function lookAt(bucket: Bucket, key: string, signal: AbortSignal): Promise<BucketObject> {
  return bucket.head(key, signal).catch(async () => {
    const { body, ...object } = await bucket.read(key, { signal })
    for await (const _ of body) break
    return object
  })
}

async function listBelow(
  bucket: Bucket,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly BucketObject[]> {
  const place = `${placeOf(bucket, prefix)}*`
  const found: BucketObject[] = []
  for await (const object of bucket.list(prefix, signal)) {
    // Consoles mark folders with empty objects, and Spark the end of a job (`_SUCCESS`).
    if (object.bytes > 0) found.push(object)
    if (found.length > MOST_OBJECTS) throw tooMany(place)
  }
  if (found.length > 0) return found.sort(byKey)
  throw new RefusedError(
    'EMPTY_SOURCE',
    `${place}: no object with this prefix has any content. Check the prefix; it is case-sensitive and does not begin with "/".`,
  )
}

/** As S3 sorts keys. Some servers list them in another order. */
const byKey = (a: BucketObject, b: BucketObject) =>
  Buffer.compare(Buffer.from(a.key), Buffer.from(b.key))

async function listOf(
  bucket: Bucket,
  manifest: string,
  isAllowed: (key: string) => boolean,
  signal: AbortSignal,
): Promise<readonly ExpectedObject[]> {
  const place = placeOf(bucket, manifest)
  const entries = parseManifest(await contentOf(bucket, manifest, signal))
  if (typeof entries === 'string')
    throw failed('SOURCE_NOT_READABLE', `The manifest ${place} ${entries}.`)
  if (entries.length > MOST_OBJECTS) throw tooMany(place)
  const stranger = entries.find(
    ({ bucket: its, key }) => its !== bucket.settings.bucket || !isAllowed(key),
  )
  if (stranger !== undefined) throw notAllowed(place, stranger)
  const found: ExpectedObject[] = []
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    const some = entries.slice(at, at + AT_ONCE)
    found.push(...(await Promise.all(some.map((entry) => findEntry(bucket, entry, signal)))))
  }
  if (found.some(({ bytes }) => bytes > 0)) return found.filter(({ bytes }) => bytes > 0)
  throw new RefusedError('EMPTY_SOURCE', `The manifest ${place} names no object with content.`)
}

async function contentOf(bucket: Bucket, key: string, signal: AbortSignal): Promise<Uint8Array> {
  const object = await bucket.read(key, { signal })
  const { bytes } = object
  const blocks: Uint8Array[] = []
  for await (const block of resumed(bucket, object, { signal })) {
    if (bytes > MOST_MANIFEST_BYTES) {
      const why = `The manifest ${placeOf(bucket, key)} has ${bytes} bytes, more than ${MOST_MANIFEST_BYTES}.`
      throw failed('SOURCE_NOT_READABLE', why)
    }
    blocks.push(block)
  }
  return Buffer.concat(blocks)
}

async function findEntry(
  bucket: Bucket,
  { key, bytes, sha256 }: ManifestEntry,
  signal: AbortSignal,
): Promise<ExpectedObject> {
  const object = await lookAt(bucket, key, signal)
  if (bytes === undefined || bytes === object.bytes) return { ...object, sha256 }
  const why = `${placeOf(bucket, key)} has ${object.bytes} bytes, but ${bytes} in its manifest.`
  throw failed('SOURCE_CHANGED', why)
}

function tooMany(place: string): RefusedError {
  return new RefusedError(
    'TOO_MANY_OBJECTS',
    `${place} names more than ${MOST_OBJECTS} objects. Join them to larger ones, or split the request.`,
  )
}

function notAllowed(place: string, { bucket, key }: ManifestEntry): RefusedError {
  return new RefusedError(
    'SOURCE_NOT_ALLOWED',
    `The manifest ${place} names s3://${bucket}/${key}, which is in another bucket or outside the places that its caller may read.`,
  )
}
