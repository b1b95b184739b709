import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import S3rver, { type Context, type Store } from '@20minutes/s3rver'
import { DUMMY_ACCOUNT } from '@20minutes/s3rver/lib/models/account.js'
import S3Error from '@20minutes/s3rver/lib/models/error.js'
import type { BucketSettings } from '../../src/shared/bucket/settings.ts'
import { listenHere } from './http-server.ts'
import { faultOfSignature } from './s3-signature.ts'

/**
 * An S3 server in this process: s3rver, with the rules of S3 that it lacks, as Amazon documents them:
 * signatures are verified over the request as it was sent (s3rver refuses those over `/bucket/`), for
 * one region; `If-Match` when reading, `If-None-Match: *` when writing, abort of multipart uploads,
 * parts of at least 5 MiB whose ETags match, and objects that are replaced as a whole.
 */
export interface S3Server {
  /** URL for `endpoint`. */
  readonly endpoint: string
  /** How to reach a bucket of this server. */
  bucket(name: string): BucketSettings
  /** Requests so far, as `GET /bucket/key bytes=5-`. */
  readonly requests: string[]
  /**
   * Called for each request, which waits for it; what it returns is answered instead of the server's
   * own answer.
   */
  meddle: (request: IncomingMessage) => S3Fault | undefined | Promise<S3Fault | undefined>
  /** Keys on a page of a list. */
  pageSize: number
  /** Copies whole objects whatever range is asked for, as some servers do. */
  ignoresRanges: boolean
  createBucket(name: string): Promise<void>
  /** Connections that are open once those that are being closed are gone. */
  open(): Promise<number>
  put(bucket: string, key: string, content: string | Uint8Array): Promise<void>
  /** The content of an object. */
  read(bucket: string, key: string): Promise<Buffer>
  remove(bucket: string, key: string): Promise<void>
  /** Sorted. */
  keys(bucket: string, prefix: string): Promise<readonly string[]>
}

/** An error of S3, or an answer that breaks or falls silent after so many bytes of its body. */
export type S3Fault = S3Refusal | { readonly breakAfter: number } | { readonly stallAfter: number }

interface S3Refusal {
  readonly status: number
  readonly code: string
  /** Instead of the error. */
  readonly xml?: string
  readonly headers?: Readonly<Record<string, string>>
}

const REGION = 'eu-central-1'
/** The key that the server knows. */
export const S3_KEY = {
  accessKeyId: 'AKIATESTTESTTESTTEST',
  secretAccessKey: 'test/secret+of/the+bucket',
}
const SMALLEST_PART = 5 * 1024 * 1024

/** Starts a server with no bucket. It ends with the scope. */
export async function startS3(scope: { after(fn: () => Promise<void>): void }): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 'expunge-s3-'))
  scope.after(() => rm(directory, { recursive: true, force: true }))
  DUMMY_ACCOUNT.createKeyPair(S3_KEY.accessKeyId, S3_KEY.secretAccessKey)
  const options = { silent: true, vhostBuckets: false, allowMismatchedSignatures: true }
  const app = new S3rver({ directory, ...options })
  const { store } = app
  addRules(app, () => s3)
  // Koa would print what happens when a client leaves.
  app.on('error', () => {})
  const handle = app.callback()
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    requests.push([request.method, request.url, request.headers.range].filter(Boolean).join(' '))
    const fault = await s3.meddle(request)
    if (fault !== undefined && 'status' in fault) return answer(response, fault)
    if (fault !== undefined) cut(response, fault)
    return handle(request, response)
  })
  const endpoint = await listenHere(scope, server)
  const s3: S3Server = {
    endpoint,
    bucket: (name) => ({
      ...{ name, bucket: name, endpoint, region: REGION, pathStyle: true, key: S3_KEY },
    }),
    requests,
    meddle: () => undefined,
    pageSize: 1000,
    ignoresRanges: false,
    createBucket: async (name) => void (await store.putBucket(name)),
    open: async () => {
      for (let tries = 0; tries < 200; tries++) {
        if ((await connections(server)) === 0) return 0
        await delay(5)
      }
      return connections(server)
    },
    put: async (bucket, key, content) => {
      // s3rver does not wait until a buffer is written.
      const stream = Readable.from([Buffer.from(content)])
      await store.putObject({ bucket, key, content: stream, metadata: {} })
    },
    read: (bucket, key) => readFile(store.getResourcePath(bucket, key, 'object')),
    remove: (bucket, key) => rm(store.getResourcePath(bucket, key, 'object')),
    keys: async (bucket, prefix) => {
      const all = { prefix, startAfter: '', maxKeys: Number.MAX_SAFE_INTEGER }
      return (await store.listObjects(bucket, all)).objects.map(({ key }) => key).sort()
    },
  }
  return s3
}

const connections = (server: Server): Promise<number> =>
  new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  )

function answer(response: ServerResponse, { status, code, headers, xml }: S3Refusal): void {
  response.writeHead(status, { 'content-type': 'application/xml', ...headers })
  const error = `<Error><Code>${code}</Code><Message>Test.</Message></Error>`
  response.end(`<?xml version="1.0"?>${xml ?? error}`)
}

function cut(response: ServerResponse, fault: Exclude<S3Fault, S3Refusal>): void {
  const isBreak = 'breakAfter' in fault
  let left = isBreak ? fault.breakAfter : fault.stallAfter
  const write = response.write.bind(response)
  response.write = (block: Uint8Array) => {
    const isLast = block.length >= left
    const written = write(block.subarray(0, left), () => isLast && isBreak && response.destroy())
    left -= Math.min(left, block.length)
    return written
  }
  response.end = () => (isBreak && left > 0 ? response.destroy() : response)
}

function addRules({ middleware, store }: S3rver, rules: () => S3Server): void {
  const getMetadata = store.getMetadata.bind(store)
  // Its two files are not written at once: who lists the bucket meanwhile would read half of one.
  store.getMetadata = async (bucket, key) => {
    for (;;) {
      const found = await getMetadata(bucket, key).catch((error: unknown) => {
        if (error instanceof SyntaxError) return null
        throw error
      })
      if (found !== null && found.etag !== '""') return found
      await delay(1)
    }
  }
  const putObject = store.putObject.bind(store)
  store.putObject = async (object) => {
    // Who reads the old object goes on with it.
    await rm(store.getResourcePath(object.bucket, object.key, 'object'), { force: true })
    return putObject(object)
  }
  const complete = store.putObjectMultipart.bind(store)
  store.putObjectMultipart = async (bucket, uploadId, parts) => {
    await assertParts(join(store.getResourcePath(bucket, undefined, 'uploads'), uploadId), parts)
    return complete(bucket, uploadId, parts)
  }
  // One at a time, so that only one of several calls creates an object.
  let creations = Promise.resolve()
  // Before the router, which is the last one.
  middleware.splice(-1, 0, async (context, next) => {
    assertSigned(context)
    const { method, headers, query } = context
    if (rules().ignoresRanges) delete context.req.headers['x-amz-copy-source-range']
    if (method === 'GET' && query['list-type'] === '2') {
      return list(context, store, rules().pageSize)
    }
    if (method === 'GET' && 'uploads' in query) return listUploads(context, store)
    if (method === 'DELETE' && query['uploadId']) return abortUpload(context, store)
    if (method === 'PUT' && headers['x-amz-copy-source-if-match'])
      await assertSource(context, store)
    if (method === 'PUT' && headers['if-none-match'] === '*') {
      creations = creations
        .catch(() => {})
        .then(async () => {
          await assertAbsent(context, store)
          await next()
        })
      return creations
    }
    await next()
    const expected = (method === 'GET' || method === 'HEAD') && headers['if-match']
    if (expected && context.status < 300 && expected !== context.response.get('etag')) {
      throw preconditionFailed('If-Match')
    }
  })
}

function assertSigned(context: Context): void {
  const fault = faultOfSignature(context.req, S3_KEY, REGION)
  if (fault === null) return
  if (fault !== 'wrong region') throw new S3Error(fault, fault)
  context.set('x-amz-bucket-region', REGION)
  const message = `The authorization header is malformed; the region is wrong; expecting '${REGION}'`
  throw new S3Error('AuthorizationHeaderMalformed', message, { Region: REGION })
}

/** A page of a list: s3rver encrypts the tokens of its pages in a way that Node no longer has. */
async function list(context: Context, store: Store, pageSize: number): Promise<void> {
  const { query, path } = context
  const [, bucket = ''] = path.split('/')
  if (!(await store.getBucket(bucket))) throw new S3Error('NoSuchBucket', 'No such bucket.')
  const token = Buffer.from(query['continuation-token'] ?? '', 'base64url')
  const { objects, isTruncated } = await store.listObjects(bucket, {
    ...{ prefix: query['prefix'] ?? '', startAfter: String(token) },
    maxKeys: Math.min(pageSize, Number(query['max-keys'] ?? pageSize)),
  })
  const last = Buffer.from(objects.at(-1)?.key ?? '').toString('base64url')
  context.body = {
    ListBucketResult: {
      IsTruncated: isTruncated,
      Contents: objects.map(({ key, size, metadata }) => ({
        ...{ Key: key, Size: size, ETag: metadata.etag },
      })),
      ...(isTruncated && { NextContinuationToken: last }),
    },
  }
}

async function assertAbsent({ path }: Context, store: Store): Promise<void> {
  const [, bucket = '', ...key] = path.split('/').map(decodeURIComponent)
  if (await store.existsObject(bucket, key.join('/'))) throw preconditionFailed('If-None-Match')
}

const preconditionFailed = (Condition: string) =>
  new S3Error('PreconditionFailed', 'At least one of the preconditions did not hold', { Condition })

async function assertSource({ headers }: Context, store: Store): Promise<void> {
  const source = headers['x-amz-copy-source'] ?? ''
  const [bucket = '', ...key] = source.split('/').map(decodeURIComponent)
  const object = await store.getObject(bucket, key.join('/'))
  object?.content?.destroy()
  if (object && object.metadata.etag !== headers['x-amz-copy-source-if-match']) {
    throw preconditionFailed('x-amz-copy-source-If-Match')
  }
}

async function listUploads(context: Context, store: Store): Promise<void> {
  const [, bucket = ''] = context.path.split('/')
  const folder = store.getResourcePath(bucket, undefined, 'uploads')
  const ids = await readdir(folder).catch(() => [])
  const uploads = ids.map(async (UploadId) => {
    const Key = await readFile(join(folder, UploadId, 'key'), 'utf8').catch(() => '')
    return { Key, UploadId }
  })
  const prefix = context.query['prefix'] ?? ''
  const Upload = (await Promise.all(uploads)).filter(
    ({ Key }) => Key !== '' && Key.startsWith(prefix),
  )
  context.body = { ListMultipartUploadsResult: { IsTruncated: false, Upload } }
}

async function abortUpload(context: Context, store: Store): Promise<void> {
  const [, bucket = ''] = context.path.split('/')
  const uploads = store.getResourcePath(bucket, undefined, 'uploads')
  await rm(join(uploads, context.query['uploadId'] ?? ''), { recursive: true }).catch(noSuchUpload)
  context.status = 204
}

async function assertParts(
  folder: string,
  parts: Parameters<Store['putObjectMultipart']>[2],
): Promise<void> {
  for (const [at, { number, etag }] of parts.entries()) {
    const file = join(folder, String(number))
    const { size } = await stat(file).catch(noSuchUpload)
    if ((await readFile(`${file}.md5`, 'utf8')) !== etag) {
      throw new S3Error('InvalidPart', 'One or more of the specified parts could not be found.')
    }
    if (size < SMALLEST_PART && at < parts.length - 1) {
      throw new S3Error('EntityTooSmall', 'The upload is smaller than the minimum allowed size.')
    }
  }
}

function noSuchUpload(): never {
  throw new S3Error('NoSuchUpload', 'The specified upload does not exist.')
}
