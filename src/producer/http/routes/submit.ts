import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { addRequestFacts } from '../../../shared/base/trace.ts'
import { receiverOf } from '../../../shared/config/callbacks.ts'
import {
  DEFAULT_ORG,
  type DeletionRequest,
  parseRequest,
} from '../../../shared/contract/request.ts'
import { InvalidRequestError } from '../../../shared/contract/request-problems.ts'
import { pinContent } from '../../../shared/store/intake/pin-content.ts'
import { ConflictError } from '../../../shared/store/intake/submit.ts'
import { explained } from '../../../shared/store/redis/trouble.ts'
import type { SubmitAnswer } from '../../producer.ts'
import { type Attempt, audit, auditFailure } from '../audit.ts'
import { assertAllowed } from '../caller.ts'
import { assertNotCompressed } from '../content-encoding.ts'
import { inQuery, requestOf } from '../csv-options.ts'
import { UPLOADS_AT_ONCE, UPLOADS_PER_KEY } from '../limits.ts'
import { ownOrgQuery, parseFields } from '../parameters.ts'
import { HttpError } from '../problem.ts'
import { type ApiKey, limitsOf, mayRead, maySubmit, maySubmitSome, recordLimit } from '../rights.ts'
import type { Service } from '../service.ts'
import { soon } from '../soon.ts'
import { steadily } from '../steady-body.ts'
import { createTurnstile, type Turnstile } from '../turnstile.ts'

export const REQUESTS_PATH = '/v1/deletion-requests'
/** Where every body is a CSV. */
export const CSV_PATH = `${REQUESTS_PATH}/csv`

/**
 * `POST /v1/deletion-requests` takes JSON, and by its content type a CSV of any size.
 * `POST /v1/deletion-requests/csv` takes a CSV alone: generated clients tell operations apart by path.
 */
export function submitRoute(app: FastifyInstance, service: Service): void {
  const each = service.callers.haveKeys ? UPLOADS_PER_KEY : UPLOADS_AT_ONCE
  const uploads = createTurnstile({ total: UPLOADS_AT_ONCE, each, unit: 'uploads' })
  app.addHook('onClose', () => uploads.empty())
  void app.register((scope, _, done) => {
    // The stream itself: it goes into staging as it comes, and is never held whole.
    const unread = async (_: FastifyRequest, payload: unknown) => payload
    scope.addContentTypeParser('text/csv', unread)
    const { callers } = service
    const mayAtAll = async (request: FastifyRequest) => {
      try {
        assertAllowed(maySubmitSome(callers.of(request)))
      } catch (error) {
        // Its body is not read, so nobody knows what it was for.
        fail(error, request, { id: null, org: null, reason: null }, service)
      }
    }
    const options = { onRequest: [callers.admit, mayAtAll] }
    const upload = (request: FastifyRequest) =>
      uploads.pass(callers.of(request).name, () => submitCsv(request, service))
    scope.post(REQUESTS_PATH, options, async (request, reply) => {
      const isCsv = mediaTypeOf(request) === 'text/csv'
      const answer = isCsv ? upload(request) : submitJson(request, service, uploads)
      return tell(await answer, reply)
    })
    void scope.register((csv, _, ready) => {
      csv.removeContentTypeParser('application/json')
      csv.addContentTypeParser(VAGUE_TYPES, unread)
      csv.addHook('onRequest', assumeCsv)
      csv.post(CSV_PATH, options, async (request, reply) => tell(await upload(request), reply))
      ready()
    })
    done()
  })
}

/** Generated clients have no other for a body that is not JSON. */
const VAGUE_TYPES = ['text/plain', 'application/octet-stream']

/** Others name none at all. */
async function assumeCsv({ raw }: FastifyRequest): Promise<void> {
  raw.headers['content-type'] ??= 'text/csv'
}

async function submitJson(
  request: FastifyRequest,
  service: Service,
  uploads: Turnstile,
): Promise<SubmitAnswer> {
  const wanted = parseRequest(withOrgOfQuery(request), Date.now())
  if (wanted.source.type === 'upload') {
    const message = `an upload has no bytes in JSON. Send the CSV as the body, to ${CSV_PATH}`
    throw new InvalidRequestError([{ field: 'source.type', message }])
  }
  const allowed = allow(request, wanted, service)
  await soon(service.patience, service.orgs.open(allowed.org))
  // A file that is read here takes as long as an upload of its size.
  const key = service.callers.of(request)
  const { files: within = null } = limitsOf(key) ?? {}
  const meant = await (allowed.source.type === 'file'
    ? uploads.pass(key.name, () => pinContent(allowed, { roots: service.fileRoots, within }))
    : allowed)
  return soon(service.patience, accept(request, meant, service))
}

async function submitCsv(request: FastifyRequest, service: Service): Promise<SubmitAnswer> {
  assertNotCompressed(request, 'CSV')
  const allowed = allow(request, parseCsvOptions(request.query), service)
  const { redis } = await soon(service.patience, service.orgs.open(allowed.org))
  // Before the first byte is taken: what comes later may take as long as its sender does.
  await soon(
    service.patience,
    explained(() => redis.ping()),
  )
  return accept(request, allowed, service, steadily(request.raw, service.patience.body))
}

/** Once the producer has answered, the request is stored, whatever becomes of this process. */
async function accept(
  request: FastifyRequest,
  wanted: DeletionRequest,
  service: Service,
  upload?: AsyncIterable<Uint8Array>,
): Promise<SubmitAnswer> {
  const { producer, callers, log } = service
  const key = callers.of(request)
  addRequestFacts(wanted.org, wanted)
  const submitted = producer.submit(wanted, upload, callers.callerOf(key))
  const answer = await submitted.catch((error: unknown) =>
    fail(unlessForeign(error, key, wanted), request, wanted, service),
  )
  if (answer.created) {
    const { id, org } = answer.request
    const { object, operation, dryRun, reason } = answer.request.request
    audit(log, request, key, { action: 'submit', org, id, reason }, { object, operation, dryRun })
  }
  return answer
}

/** A key's own limit counts like one that the request sets itself. */
function allow(
  request: FastifyRequest,
  wanted: DeletionRequest,
  service: Service,
): DeletionRequest {
  const key = service.callers.of(request)
  assertReceiver(wanted, service)
  try {
    assertAllowed(maySubmit(key, wanted))
  } catch (error) {
    fail(error, request, wanted, service)
  }
  return { ...wanted, maxRecords: recordLimit(key, wanted.maxRecords) }
}

/** Whoever submits would else learn only from the workers' log that nobody is told. */
function assertReceiver({ callbackUrl }: DeletionRequest, { receivers }: Service): void {
  if (callbackUrl === null || receivers === null || receiverOf(callbackUrl, receivers)) return
  const message =
    'expected a URL without user and password, of one of callbacks.receivers in the configuration of the service'
  throw new InvalidRequestError([{ field: 'callbackUrl', message }])
}

function fail(
  error: unknown,
  request: FastifyRequest,
  { id, org, reason }: Omit<Attempt, 'action'>,
  { callers, log }: Service,
): never {
  auditFailure(log, request, callers.of(request), { action: 'submit', org, id, reason }, error)
  throw error
}

/** Whoever may not read the request that has the id learns nothing of it but that it is there. */
function unlessForeign(error: unknown, key: ApiKey, { id }: DeletionRequest): unknown {
  if (!(error instanceof ConflictError) || mayRead(key, error.known) === null) return error
  const message = `The id ${id} belongs to a request that the key ${key.name} may not read. Nothing was changed. Use another id, or none.`
  return new HttpError('ID_TAKEN', message)
}

/** The org may stand in the query string, as everywhere, or in the body, but they must agree. */
function withOrgOfQuery({ body, query }: FastifyRequest): unknown {
  const { org } = parseFields(ownOrgQuery, query)
  if (org === undefined || typeof body !== 'object' || body === null) return body
  if ('org' in body && body.org !== org) {
    const message = `the query string says "${org}", the body another org`
    throw new InvalidRequestError([{ field: 'org', message }])
  }
  return { ...body, org }
}

function parseCsvOptions(query: unknown): DeletionRequest {
  try {
    const fields = typeof query === 'object' && query !== null ? { ...query } : {}
    return parseRequest(requestOf(fields), Date.now())
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error
    throw new InvalidRequestError(error.problems.map(inQuery), error.count)
  }
}

function tell({ request, created }: SubmitAnswer, reply: FastifyReply): FastifyReply {
  return reply
    .code(created ? 202 : 200)
    .header('Location', locationOf(request))
    .send(request)
}

function locationOf({ id, org }: { id: string; org: string }): string {
  return `${REQUESTS_PATH}/${id}${org === DEFAULT_ORG ? '' : `?org=${org}`}`
}

function mediaTypeOf({ headers }: FastifyRequest): string {
  return (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}
