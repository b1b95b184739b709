import { effect } from '../../base/trace.ts'
import type { Bucket, BucketObject } from '../../bucket/bucket.ts'
import { BucketError } from '../../bucket/errors.ts'
import type { ResultFile } from '../../contract/receipt.ts'
import { Joining } from '../joining.ts'
import { type Joined, ResultsStoreError } from '../results-store.ts'
import { Assembly, copyObject, SMALLEST_PART } from './assembly.ts'
import { asWritten } from './objects.ts'

interface JoinOptions {
  /** Of the result file. */
  readonly key: string
  readonly name: string
  readonly header: readonly string[]
  /** In the order in which they are joined. */
  readonly parts: readonly ResultFile[]
  readonly keyOf: (part: ResultFile) => string
  /** Checks that the bucket still holds the results store. */
  readonly check: () => Promise<void>
  /** If parts are broken: true joins the others, false leaves the file as it is. */
  readonly salvage: boolean
}

/**
 * Joins parts, each with its own header, to a result file. Reads every part once, because the SHA-256
 * of the file covers all bytes, and compares it with what was written; a part that differs is broken.
 * What was read is what is copied: the copy names the ETag.
 */
export async function joinParts(bucket: Bucket, options: JoinOptions): Promise<Joined> {
  const { key, parts, check, salvage } = options
  if (parts.length === 0) {
    // A file may be left from a time that a restored ledger does not know. The receipt does not list
    // it, so a request without rows ends without the bucket, too.
    await bucket.remove([key]).catch((error: unknown) => {
      if (!(error instanceof BucketError)) throw error
    })
    return { file: null, broken: [] }
  }
  const [only] = parts
  if (only !== undefined && parts.length === 1) return copyOnly(bucket, only, options)
  const assembly = new Assembly(bucket, key)
  try {
    const { file, broken } = await assembled(bucket, assembly, options)
    // In another store, every part would seem lost.
    await check()
    if (broken.length > 0 && !salvage) return { file: null, broken }
    if (file === null) await bucket.remove([key])
    else {
      const isWritten = async () => (await asWritten(bucket, key, file)) !== null
      await effect('results:join', () => assembly.complete(isWritten))
      await assertSize(bucket, key, file)
    }
    return { file, broken }
  } finally {
    await assembly.abort()
  }
}

/** Most requests have one chunk and so one part: it is the whole file. */
async function copyOnly(
  bucket: Bucket,
  only: ResultFile,
  { key, name, keyOf, check, salvage }: JoinOptions,
): Promise<Joined> {
  const part = await asWritten(bucket, keyOf(only), only)
  await check()
  const file = { ...only, name }
  if (part !== null) {
    await effect('results:join', () => copyObject(bucket, part, key))
    return { file, broken: [] }
  }
  // Parts are removed once the receipt is written. If a Redis failover lost that, the joined file is
  // still there.
  if ((await asWritten(bucket, key, only)) !== null) return { file, broken: [] }
  if (salvage) await bucket.remove([key])
  return { file: null, broken: [only] }
}

/** Smaller parts are held in memory while they are read. */
const SMALL = 2 * SMALLEST_PART

async function assembled(
  bucket: Bucket,
  assembly: Assembly,
  { name, header, parts, keyOf }: JoinOptions,
): Promise<Joined> {
  const joining = new Joining(header)
  const { start, broken } = joining
  await assembly.add(start)
  for (const part of parts) {
    joining.begin()
    const rows = part.bytes - start.length
    const head = new Head(rows < SMALL ? rows : SMALLEST_PART)
    const object = await asWritten(bucket, keyOf(part), part, (block) =>
      head.add(joining.take(block)),
    )
    if (object === null) joining.drop(part)
    else {
      joining.keep(part)
      await append(assembly, object, head, rows)
    }
  }
  return { file: joining.file(name), broken }
}

function append(
  assembly: Assembly,
  object: BucketObject,
  { bytes }: Head,
  rows: number,
): Promise<void> {
  return rows === bytes.length
    ? assembly.add(bytes)
    : assembly.addObject(object, object.bytes - rows, bytes)
}

/** The first bytes of a stream. */
class Head {
  readonly bytes: Uint8Array
  #length = 0

  constructor(length: number) {
    this.bytes = new Uint8Array(length)
  }

  add(block: Uint8Array): void {
    const taken = block.subarray(0, this.bytes.length - this.#length)
    this.bytes.set(taken, this.#length)
    this.#length += taken.length
  }
}

/** Some servers that are compatible with S3 ignore the range of a copy. */
async function assertSize(bucket: Bucket, key: string, file: ResultFile): Promise<void> {
  const { bytes } = await bucket.head(key)
  if (bytes === file.bytes) return
  throw new ResultsStoreError(
    `s3://${bucket.settings.bucket}/${key} was joined from parts of ${file.bytes} bytes in all, but has ${bytes}. Does the server support UploadPartCopy with a range?`,
  )
}
