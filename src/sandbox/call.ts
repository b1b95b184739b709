import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Operation } from './fault-script.ts'
import { parseJsonOrUndefined } from './fields.ts'
import { refuse } from './reply.ts'
import { type Route, routeOf } from './routes.ts'

/** Bodies of everything but uploads, unpacked; a multipart create is the largest. */
const MAX_BODY = 4_000_000

/** One request on its way to a handler. */
export interface Call {
  readonly operation: Operation
  readonly route: Route
  readonly request: IncomingMessage
  readonly query: URLSearchParams
  /** `http://host:port` as the client sees it. */
  readonly origin: string
  /** The whole body, unpacked where it came as gzip; the upload alone is streamed from `request` instead. */
  body(): Promise<Buffer>
  /** The same for a look ahead: empty where it cannot be read, which is the handler's to refuse. */
  peek(): Promise<Buffer>
  /** A fault script wants an upload to break off after so many bytes. */
  readonly cutUploadAfter?: number | undefined
}

/** Finds out what a request is for. A PATCH is read to its end: its state is its operation. */
export async function identify(request: IncomingMessage): Promise<Call> {
  const url = new URL((request.url ?? '/').replace(/^\/+/, '/'), 'http://sandbox')
  const route = routeOf(request.method ?? 'GET', url.pathname)
  let read: Promise<Buffer> | undefined
  const body = () => {
    read ??= readBody(request)
    return read
  }
  const peek = () => body().catch(() => Buffer.alloc(0))
  const operation = route.operation === 'patch' ? operationOf(await peek()) : route.operation
  const origin = `http://${request.headers.host}`
  return { operation, route, request, query: url.searchParams, origin, body, peek }
}

function operationOf(body: Buffer): Operation {
  const state = parseJsonOrUndefined(body)?.['state']
  if (state === 'UploadComplete') return 'close'
  return state === 'Aborted' ? 'abort' : 'patch'
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes <= MAX_BODY) chunks.push(chunk)
  }
  if (bytes > MAX_BODY) refuse(413, 'EXCEEDED_MAX_SIZE_REQUEST', 'Request body too large')
  const body = Buffer.concat(chunks)
  return request.headers['content-encoding'] === 'gzip' ? unpacked(body) : body
}

const unpack = promisify(gunzip)

/** Data Loader compresses what it posts and patches, though never its CSV. */
async function unpacked(body: Buffer): Promise<Buffer> {
  try {
    return await unpack(body, { maxOutputLength: MAX_BODY })
  } catch {
    refuse(400, 'JSON_PARSER_ERROR', 'Request body is not the gzip that it says it is')
  }
}
