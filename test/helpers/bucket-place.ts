import type { BucketPlace } from '../../src/shared/results/results-store.ts'
import { type S3Server, startS3 } from './s3.ts'

/** Results stores in one bucket of a test's own S3 server. */

const BUCKET = 'results'

export async function startBucket(scope: {
  after(fn: () => Promise<void>): void
}): Promise<S3Server> {
  const s3 = await startS3(scope)
  await s3.createBucket(BUCKET)
  return s3
}

/** @param prefix without a slash at its end; empty for the whole bucket */
export function bucketPlace(s3: S3Server, prefix: string): BucketPlace {
  return {
    kind: 'bucket',
    path: prefix === '' ? `s3://${BUCKET}` : `s3://${BUCKET}/${prefix}`,
    prefix: prefix === '' ? '' : `${prefix}/`,
    settings: s3.bucket(BUCKET),
    proxyEnv: {},
  }
}
