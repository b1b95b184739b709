import { Bucket } from '../../shared/bucket/bucket.ts'
import { BucketError } from '../../shared/bucket/errors.ts'
import type { BucketSettings } from '../../shared/bucket/settings.ts'
import type { Config } from '../../shared/config/config.ts'
import { answerWithin, type Finding, failed, ok, warn } from './finding.ts'

const TIMEOUT_MS = 30_000

/** Whether each configured bucket can be listed with its credentials. */
export function checkBuckets({ sources, proxyEnv }: Config): Promise<readonly Finding[]> {
  return Promise.all(
    [...sources.buckets.values()].map((settings) => checkBucket(settings, proxyEnv)),
  )
}

async function checkBucket(
  settings: BucketSettings,
  proxyEnv: Config['proxyEnv'],
): Promise<Finding> {
  const check = `Bucket ${settings.name}`
  const bucket = new Bucket(settings, { proxyEnv, attempts: 2 })
  const server = settings.endpoint ?? 'Amazon S3'
  try {
    await bucket.check(answerWithin(TIMEOUT_MS, server))
    return ok(check, `s3://${settings.bucket} at ${server} can be listed`)
  } catch (error) {
    if (!(error instanceof BucketError) || error.code !== 'BUCKET_ACCESS_DENIED') {
      return failed(check, error)
    }
    const advice = 'Requests with a key may work all the same; those with a prefix will not.'
    return warn(check, error.message, advice)
  } finally {
    await bucket.close()
  }
}
