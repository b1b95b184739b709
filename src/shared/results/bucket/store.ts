import { randomBytes, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { effect } from '../../base/trace.ts'
import { Bucket, type BucketObject } from '../../bucket/bucket.ts'
import { resumed } from '../../bucket/resume.ts'
import type { ResultFile } from '../../contract/receipt.ts'
import { ResultWriter } from '../csv.ts'
import {
  type BucketPlace,
  EARLIER,
  folderAt,
  type OpenFile,
  RECEIPT,
  RESULT_FILES,
  type RequestFolder,
  type ResultsReader,
  type ResultsStore,
  receiptText,
} from '../results-store.ts'
import { copyObject } from './assembly.ts'
import { asWritten, closed, inStore, isMissing, opened, textOf } from './objects.ts'
import { PartUpload } from './part-upload.ts'
import { joinParts } from './parts.ts'
import { identifyStore, readId } from './store-id.ts'

/**
 * A results store in a bucket. An object appears as a whole, so no temporary names are needed. A
 * folder is the prefix of its keys, which cannot be renamed: it is moved and removed key by key.
 */

export function bucketReader(place: BucketPlace): ResultsReader {
  return readerOf(new Bucket(place.settings, { proxyEnv: place.proxyEnv }), place)
}

function readerOf(bucket: Bucket, { path: place, prefix }: BucketPlace): ResultsReader {
  const keyOf = (request: RequestFolder, name: string) => keyIn(prefix, request, name)
  return {
    place,
    storeId: () => inStore(() => readId(bucket, prefix)),
    folder: (request) => folderAt(place, request),
    files: (request) =>
      inStore(async () => {
        const folder = keyOf(request, '')
        return (await Array.fromAsync(bucket.list(folder))).map(({ key }) =>
          key.slice(folder.length),
        )
      }),
    readReceipt: (request) => inStore(() => textOf(bucket, keyOf(request, RECEIPT))),
    openFile: (request, file) => inStore(() => openFile(bucket, keyOf(request, file.name), file)),
    isAsWritten: (request, file) =>
      inStore(async () => (await asWritten(bucket, keyOf(request, file.name), file)) !== null),
    close: () => bucket.close(),
  }
}

const keyIn = (prefix: string, { org, id }: RequestFolder, name: string): string =>
  `${prefix}${org}/${id}/${name}`

/** Opens the store and reads its id. Creates the id if it is missing. */
export async function openBucket(place: BucketPlace, signal?: AbortSignal): Promise<ResultsStore> {
  const { path, prefix, settings, proxyEnv } = place
  const bucket = new Bucket(settings, { proxyEnv, signal })
  const { id, check } = await identifyStore(bucket, prefix, path)
  const keyOf = (request: RequestFolder, name: string) => keyIn(prefix, request, name)
  return {
    ...readerOf(bucket, place),
    id,
    partWriter: (request, kind, of) => {
      const name = `${of}.${randomBytes(6).toString('hex')}.${kind}.csv`
      const target = new PartUpload(bucket, keyOf(request, `parts/${name}`), check)
      return new ResultWriter(RESULT_FILES[kind], target)
    },
    joinParts: (request, kind, parts, { salvage = false } = {}) => {
      const name = `${kind}.csv`
      const [key, header] = [keyOf(request, name), RESULT_FILES[kind]]
      const partKey = (part: ResultFile) => keyOf(request, `parts/${part.name}`)
      return inStore(() =>
        joinParts(bucket, { key, name, header, parts, keyOf: partKey, check, salvage }),
      )
    },
    removeParts: (request) =>
      inStore(() =>
        effect('results:remove-parts', async () => {
          await removeAll(bucket, keyOf(request, 'parts/'))
          // Uploads of result files, too, that a crash interrupted.
          await abortUploads(bucket, keyOf(request, ''))
        }),
      ),
    writeReceipt: (receipt) =>
      inStore(async () => {
        await check()
        const content = { contentType: 'application/json' }
        await bucket.put(keyOf(receipt, RECEIPT), receiptText(receipt), content)
      }),
    removeReceipt: (request) => inStore(() => bucket.remove([keyOf(request, RECEIPT)])),
    earlierName: ({ id }) => `${EARLIER}/${id}.${randomUUID()}`,
    moveTo: (request, files, name) =>
      inStore(async () => {
        await check()
        const [from, to] = [keyOf(request, ''), keyOf({ org: request.org, id: name }, '')]
        await effect('results:set-aside', () => move(bucket, files, { from, to }))
      }),
    remove: (org, name, isStillDue) =>
      inStore(async () => {
        await check()
        const folder = keyOf({ org, id: name }, '')
        await effect('results:remove-folder', () => removeAll(bucket, folder, isStillDue))
        if (await isStillDue()) await abortUploads(bucket, folder)
      }),
  }
}

async function openFile(
  bucket: Bucket,
  key: string,
  { bytes }: Pick<ResultFile, 'bytes'>,
): Promise<OpenFile | null> {
  const object = await opened(bucket, key)
  if (object === null) return null
  const close = () => closed(object)
  if (object.bytes === bytes) {
    return { stream: () => Readable.from(resumed(bucket, object), { objectMode: false }), close }
  }
  await close()
  return null
}

/** Moves files from one folder to another, as far as they exist. */
async function move(
  bucket: Bucket,
  files: readonly string[],
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  const wanted = new Set(files.map((file) => from + file))
  for await (const object of bucket.list(from)) {
    if (wanted.has(object.key)) await moveObject(bucket, object, to + object.key.slice(from.length))
  }
}

async function moveObject(bucket: Bucket, object: BucketObject, to: string): Promise<void> {
  try {
    await copyObject(bucket, object, to)
  } catch (error) {
    // Another worker has just moved it.
    if (isMissing(error)) return
    throw error
  }
  await bucket.remove([object.key])
}

/** Keys that are removed before it is asked again whether they are due. */
const PAGE = 1000

/**
 * Removes every object whose key begins with the prefix.
 *
 * @param isStillDue asked before each page; if false, what is left stays
 */
async function removeAll(
  bucket: Bucket,
  prefix: string,
  isStillDue: () => Promise<boolean> = async () => true,
): Promise<void> {
  for await (const page of pages(bucket.list(prefix))) {
    if (!(await isStillDue())) return
    await bucket.remove(page)
  }
}

async function* pages(objects: AsyncIterable<BucketObject>): AsyncGenerator<readonly string[]> {
  let page: string[] = []
  for await (const { key } of objects) {
    page.push(key)
    if (page.length < PAGE) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

async function abortUploads(bucket: Bucket, prefix: string): Promise<void> {
  for await (const upload of bucket.uploads(prefix)) await upload.abort()
}
