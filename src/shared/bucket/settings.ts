import type { SecretFile } from '../base/text-file.ts'

/** Amazon's rules are narrower, but older buckets and other servers have such names too. */
export const BUCKET_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/

/** Where a bucket is, and how requests to it are signed. */
export interface BucketSettings {
  /** The name in messages: that of the configuration, or the bucket's own. */
  readonly name: string
  readonly bucket: string
  /** Null: AWS's own setting, such as `AWS_REGION`. */
  readonly region: string | null
  /** URL of an S3-compatible server; null for Amazon S3. */
  readonly endpoint: string | null
  /** Whether the bucket's name is in the path of URLs instead of in their host. */
  readonly pathStyle: boolean
  /** Null: AWS's credential chain (environment, shared files, web identity, container, instance). */
  readonly key: BucketKey | null
}

/** An access key. Files are read whenever a request is signed, so that keys can be rotated. */
interface BucketKey {
  readonly accessKeyId: string | SecretFile
  readonly secretAccessKey: string | SecretFile
}

/** A bucket that is in no configuration: Amazon S3, with AWS's own settings. */
export const plainBucket = (bucket: string): BucketSettings => ({
  ...{ name: bucket, bucket, region: null, endpoint: null, pathStyle: false, key: null },
})
