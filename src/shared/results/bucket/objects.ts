import { createHash } from 'node:crypto'
import { ExpungeError } from '../../base/errors.ts'
import type { Bucket, BucketObject, OpenObject } from '../../bucket/bucket.ts'
import { BucketError } from '../../bucket/errors.ts'
import { resumed } from '../../bucket/resume.ts'
import type { ResultFile } from '../../contract/receipt.ts'
import { ResultsStoreError } from '../results-store.ts'

/** Operations on the objects of a results bucket. */

/** Failures of the bucket mean that the store is unusable now. */
export async function inStore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ExpungeError) || error instanceof ResultsStoreError) throw error
    throw new ResultsStoreError(`The results bucket cannot be used now. ${error.message}`, {
      cause: error,
    })
  }
}

/** Opens an object; null if there is none. */
export async function opened(bucket: Bucket, key: string): Promise<OpenObject | null> {
  try {
    return await bucket.read(key)
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

export const isMissing = (error: unknown): boolean =>
  error instanceof BucketError && error.code === 'OBJECT_NOT_FOUND'

/** Ends the call of an object that is not read after all. */
export async function closed({ body }: OpenObject): Promise<void> {
  for await (const _ of body) break
}

export async function textOf(bucket: Bucket, key: string): Promise<string | null> {
  const object = await opened(bucket, key)
  if (object === null) return null
  const blocks: Uint8Array[] = []
  for await (const block of resumed(bucket, object)) blocks.push(block)
  return Buffer.concat(blocks).toString()
}

/**
 * Opens an object, reads it, and compares it with what was written. Does not read it if its size
 * differs. Null if it is missing or differs.
 */
export async function asWritten(
  bucket: Bucket,
  key: string,
  { bytes, sha256 }: Pick<ResultFile, 'bytes' | 'sha256'>,
  each: (block: Uint8Array) => void = () => {},
): Promise<BucketObject | null> {
  const object = await opened(bucket, key)
  if (object === null) return null
  if (object.bytes !== bytes) {
    await closed(object)
    return null
  }
  const hash = createHash('sha256')
  try {
    for await (const block of resumed(bucket, object)) {
      hash.update(block)
      each(block)
    }
  } catch (error) {
    // It was removed or replaced while it was read.
    if (isMissing(error) || isReplaced(error)) return null
    throw error
  }
  return hash.digest('hex') === sha256 ? object : null
}

export const isReplaced = (error: unknown): boolean =>
  error instanceof BucketError && error.code === 'PRECONDITION_FAILED'
