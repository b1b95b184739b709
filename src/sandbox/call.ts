import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Operation } from './fault-script.ts'
import { parseJsonOrUndefined } from './parse.ts'
import { refuse } from './reply.ts'

/** Maximum bytes of all bodies except uploads, decompressed; a multipart create is the largest. */
const MAX_BODY = 4_000_000

/** One request on its way to a handler. */
export interface Call {
  readonly operation: Operation
  readonly route: Route
  readonly request: IncomingMessage
  readonly query: URLSearchParams
  /** `http://host:port` as the client sees it. */
  readonly origin: string
  /**
   * The whole body, decompressed if it came as gzip; only the upload is streamed from `request`
   * instead.
   */
  body(): Promise<Buffer>
  /** The same for looking ahead: empty if it cannot be read, so that the handler refuses it. */
  peek(): Promise<Buffer>
  /** Set by a fault script: the upload breaks off after this many bytes. */
  readonly cutUploadAfter?: number | undefined
}

/**
 * Determines the operation of a request. A PATCH is read to its end, because its state is its
 * operation.
 */
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

/** Data Loader compresses its POST and PATCH bodies, but not its CSV. */
async function unpacked(body: Buffer): Promise<Buffer> {
  try {
    return await unpack(body, { maxOutputLength: MAX_BODY })
  } catch {
    refuse(400, 'JSON_PARSER_ERROR', 'Request body is not the gzip that it says it is')
  }
}

/** The target of a request. */
interface Route {
  readonly operation: Operation
  /** `61.0` of `/services/data/v61.0`. */
  readonly version?: string | undefined
  /** A job's id as written in the path, 15 or 18 characters. */
  readonly jobId?: string | undefined
  readonly userId?: string | undefined
  /** Of the next page of a query. */
  readonly cursor?: string | undefined
  /** Of a describe. */
  readonly object?: string | undefined
  /** Of an identity URL, besides `userId`. */
  readonly orgId?: string | undefined
  /** Set if the path is known but not the method: the allowed methods. */
  readonly allow?: string | undefined
}

type Methods = Readonly<Partial<Record<string, Operation>>>

const FIXED: Readonly<Partial<Record<string, Methods>>> = {
  '/services/oauth2/token': { POST: 'token' },
  '/services/oauth2/revoke': { POST: 'revoke' },
  '/services/oauth2/userinfo': { GET: 'userinfo', POST: 'userinfo' },
  '/services/data': { GET: 'versions' },
}

/**
 * Paths after `/services/data/vNN.N`; JOB and USER stand for ids. Paths are case-sensitive, except
 * for the unprocessed rows: the reference writes them in lower case, its prose and three clients do
 * not.
 */
const VERSIONED: Readonly<Partial<Record<string, Methods>>> = {
  '': { GET: 'resources' },
  '/limits': { GET: 'limits' },
  '/limits/recordCount': { GET: 'recordCount' },
  '/query': { GET: 'query' },
  '/query/CURSOR': { GET: 'queryMore' },
  '/queryAll': { GET: 'queryAll' },
  '/sobjects/User/USER': { GET: 'user' },
  '/sobjects/OBJECT/describe': { GET: 'describe' },
  '/jobs/ingest': { POST: 'create', GET: 'list' },
  '/jobs/ingest/JOB': { GET: 'get', PATCH: 'patch', DELETE: 'delete' },
  '/jobs/ingest/JOB/batches': { PUT: 'upload' },
  '/jobs/ingest/JOB/successfulResults': { GET: 'successfulResults' },
  '/jobs/ingest/JOB/failedResults': { GET: 'failedResults' },
  '/jobs/ingest/JOB/unprocessedrecords': { GET: 'unprocessedRecords' },
  '/jobs/ingest/JOB/unprocessedRecords': { GET: 'unprocessedRecords' },
  '/jobs/query': { POST: 'queryCreate', GET: 'queryList' },
  '/jobs/query/JOB': { GET: 'queryGet', PATCH: 'queryAbort', DELETE: 'queryDelete' },
  '/jobs/query/JOB/results': { GET: 'queryResults' },
}

const JOB = /^(\/jobs\/(?:ingest|query)\/)([0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?)(?=\/|$)/
const CURSOR = /^\/query\/([0-9A-Za-z]+-\d+)$/
const DESCRIBE = /^\/sobjects\/(\w+)\/describe$/
const USER = /^\/sobjects\/User\/([0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?)$/

/** The `id` of a token answer. */
const IDENTITY = /^\/id\/([0-9A-Za-z]{18})\/([0-9A-Za-z]{18})$/
/** Partner and enterprise WSDL. */
const SOAP = /^\/services\/Soap\/[cu]\/\d\d\.0(?:\/|$)/

const NOWHERE: Route = { operation: 'unknown' }

/** Bulk API 2.0 ingest exists from v41.0; v68.0 is Winter '27. */
export const VERSIONS = { oldest: 41, newest: 68 } as const

function routeOf(method: string, path: string): Route {
  const clean = path.replace(/\/{2,}/g, '/').replace(/\/$/, '')
  const fixed = FIXED[clean]
  if (fixed) return pick(fixed, method, {})
  const [, orgId, owner] = IDENTITY.exec(clean) ?? []
  if (orgId) return pick({ GET: 'identity', POST: 'identity' }, method, { orgId, userId: owner })
  if (SOAP.test(clean)) return pick({ POST: 'soapLogin' }, method, {})
  const [, version, rest = ''] = /^\/services\/data\/v(\d\d\.0)(\/.*)?$/.exec(clean) ?? []
  if (version === undefined || !isKnown(version)) return NOWHERE
  const jobId = JOB.exec(rest)?.[2]
  const cursor = CURSOR.exec(rest)?.[1]
  const userId = USER.exec(rest)?.[1]
  const object = DESCRIBE.exec(rest)?.[1]
  const known = object === undefined ? rest : '/sobjects/OBJECT/describe'
  const name = known.replace(JOB, '$1JOB').replace(USER, '/sobjects/User/USER')
  const methods = VERSIONED[name.replace(CURSOR, '/query/CURSOR')]
  return methods ? pick(methods, method, { version, jobId, userId, object, cursor }) : NOWHERE
}

function pick(methods: Methods, method: string, rest: Omit<Route, 'operation'>): Route {
  const operation = methods[method]
  if (operation) return { operation, ...rest }
  return { operation: 'unknown', ...rest, allow: Object.keys(methods).join(',') }
}

const isKnown = (version: string) =>
  Number(version) >= VERSIONS.oldest && Number(version) <= VERSIONS.newest
