import { randomUUID } from 'node:crypto'
import { Bucket } from '../../bucket/bucket.ts'
import type { BucketPlace } from '../results-store.ts'
import { CSV } from './assembly.ts'
import { inStore } from './objects.ts'

/**
 * Does once what a results store does with a bucket, to an object of its own, which it removes.
 *
 * @throws ResultsStoreError naming what is not allowed
 */
export async function probeBucket({ settings, proxyEnv, prefix }: BucketPlace): Promise<void> {
  const bucket = new Bucket(settings, { proxyEnv, attempts: 2 })
  const key = `${prefix}.expunge-probe.${randomUUID()}`
  try {
    await inStore(async () => {
      await bucket.put(key, 'Id\n', { ifAbsent: true })
      const [object] = await Array.fromAsync(bucket.list(key))
      if (object !== undefined) await bucket.copy(object, `${key}.copy`)
      const upload = await bucket.upload(key, CSV)
      for await (const open of bucket.uploads(key)) await open.abort()
      await upload.abort().catch(() => {})
      await bucket.remove([key, `${key}.copy`])
    })
  } finally {
    await bucket.close()
  }
}
