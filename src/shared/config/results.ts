import { resolve } from 'node:path'
import { BUCKET_NAME, type BucketSettings, plainBucket } from '../bucket/settings.ts'
import type { BucketPlace, ResultsPlace } from '../results/results-store.ts'
import { isUrl, type ValueForm } from './fields.ts'

/** What is needed to find a bucket. */
interface Buckets extends Pick<BucketPlace, 'proxyEnv'> {
  readonly sources: { readonly buckets: ReadonlyMap<string, BucketSettings> }
}

interface BucketAddress {
  readonly bucket: string
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string
}

/** The place of results: a directory, or a prefix in a bucket. */
export const RESULTS_PATH: ValueForm<string> = {
  expected:
    'a directory that all processes share, or s3://bucket/prefix (letters, digits, and . _ - / in the prefix)',
  parse: (given) => (!isUrl(given) || addressIn(given) !== undefined ? given : undefined),
}

/**
 * @param path as `RESULTS_PATH` accepts it. A bucket is looked up by its name in the configuration; any
 *   other is one of Amazon S3, with AWS's own settings
 */
export function resultsPlace(path: string, { sources, proxyEnv }: Buckets): ResultsPlace {
  const address = addressIn(path)
  if (address === undefined) return { kind: 'directory', path: resolve(path) }
  const { bucket, prefix } = address
  return {
    kind: 'bucket',
    path: `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`,
    settings: sources.buckets.get(bucket) ?? plainBucket(bucket),
    prefix: prefix === '' ? '' : `${prefix}/`,
    proxyEnv,
  }
}

/** Segments that are empty or dots would not survive in the path of a URL. */
const PREFIX = /^(?:(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/|$)){0,20}$/

function addressIn(text: string): BucketAddress | undefined {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]*)(?:\/(.*))?$/.exec(text) ?? []
  const isSound = BUCKET_NAME.test(bucket) && prefix.length <= 512 && PREFIX.test(prefix)
  return isSound ? { bucket, prefix: prefix.replace(/\/$/, '') } : undefined
}
