import { randomUUID } from 'node:crypto'
import { systemClock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Bucket } from '../../bucket/bucket.ts'
import { ResultsStoreError, STORE_FILE } from '../results-store.ts'
import { inStore, isReplaced, textOf } from './objects.ts'

/**
 * Returns the id of the store in this bucket, and a check that the bucket still holds that store.
 * Creates the id if it is missing.
 *
 * @param prefix of all keys: empty, or with a slash at its end
 */
export async function identifyStore(bucket: Bucket, prefix: string, place: string) {
  try {
    const id = (await readId(bucket, prefix)) ?? (await nameStore(bucket, prefix))
    return { id, check: () => inStore(() => assertStore(bucket, prefix, { place, id })) }
  } catch (error) {
    throw new ResultsStoreError(`The results bucket ${place} cannot be used: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** Null if there is none. */
export async function readId(bucket: Bucket, prefix: string): Promise<string | null> {
  return (await textOf(bucket, prefix + STORE_FILE))?.trim() ?? null
}

/** S3 refuses a write with 409 while another one to the same key goes on. */
const MOST_TRIES = 5
const AGAIN_MS = 200

/** Of two processes that start at once, one creates the id, and both read it. */
async function nameStore(bucket: Bucket, prefix: string): Promise<string> {
  const own = `${randomUUID()}\n`
  for (let tries = 1; tries <= MOST_TRIES; tries++) {
    await bucket.put(prefix + STORE_FILE, own, { ifAbsent: true }).catch((error: unknown) => {
      if (!isReplaced(error)) throw error
    })
    const id = await readId(bucket, prefix)
    if (id !== null) return id
    await systemClock.sleep(AGAIN_MS)
  }
  throw new Error(`${STORE_FILE} was removed while it was created.`)
}

/** @throws ResultsStoreError if the bucket holds another store or none */
async function assertStore(
  bucket: Bucket,
  prefix: string,
  { place, id }: { readonly place: string; readonly id: string },
): Promise<void> {
  const found = await readId(bucket, prefix)
  if (found === id) return
  throw new ResultsStoreError(
    `${place} is not the results store that this process opened: expected store ${id}, found ` +
      `${found === null ? `no ${STORE_FILE}` : found}. Was the bucket emptied or replaced? Nothing is written until the store is available again.`,
  )
}
