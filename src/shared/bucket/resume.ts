import { backoff } from '../base/backoff.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import type { Bucket, OpenObject } from './bucket.ts'
import { BucketError } from './errors.ts'

interface ResumeOptions {
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock | undefined
}

/** Connections that break without a byte before the object is given up: after 20 seconds or so. */
const MOST_FAILURES = 6
const WAIT = backoff({ first: 300, factor: 2, cap: 10_000, jitter: [0.75, 1.25] })

/**
 * The bytes of an object. If the connection breaks, reading continues at the next byte, of the same
 * version.
 *
 * @param object as it was seen; its body, if it was opened, is read first
 * @throws BucketError; one that is retryable if the connection breaks for good
 */
export async function* resumed(
  bucket: Pick<Bucket, 'read'>,
  { key, etag, bytes, body }: Omit<OpenObject, 'body'> & Partial<Pick<OpenObject, 'body'>>,
  { signal, clock = systemClock }: ResumeOptions = {},
): AsyncGenerator<Uint8Array> {
  let opened = body
  let from = 0
  let failures = 0
  while (from < bytes) {
    const first = from
    try {
      opened ??= (await bucket.read(key, { etag, from, signal })).body
      for await (const block of opened) {
        from += block.length
        failures = 0
        yield block
      }
      if (from === first) throw endedEarly(key, from, bytes)
    } catch (error) {
      signal?.throwIfAborted()
      const isTransient = error instanceof BucketError && error.retryable
      if (!isTransient || ++failures > MOST_FAILURES) throw error
      await clock.sleep(WAIT(failures), signal)
    }
    opened = undefined
  }
}

/** Without it, a server that sends an empty body would be asked forever. */
const endedEarly = (key: string, from: number, bytes: number) =>
  new BucketError(
    'BUCKET_FAULT',
    `The server sent none of the bytes of ${key} from ${from} to ${bytes}.`,
  )
