import { addRequestFacts } from '../../../shared/base/trace.ts'
import { receiverOf } from '../../../shared/config/callbacks.ts'
import { DEFAULT_ORG } from '../../../shared/contract/org-name.ts'
import {
  type DeletionRequest,
  parseRequest,
  requestJsonSchema,
} from '../../../shared/contract/request.ts'
import { InvalidRequestError } from '../../../shared/contract/request-problems.ts'
import { canBePinned, takesUpload } from '../../../shared/contract/sources/lists.ts'
import { SOURCE_TYPES, SOURCES } from '../../../shared/contract/sources/sources.ts'
import { pinContent } from '../../../shared/store/intake/stage-source.ts'
import { ConflictError } from '../../../shared/store/intake/taken.ts'
import { explained } from '../../../shared/store/redis/trouble.ts'
import type { SubmitAnswer } from '../../producer.ts'
import { type ApiKey, limitsOf, recordLimit } from '../api-key.ts'
import { atMinimumRate } from '../body.ts'
import { seenBy } from '../holders.ts'
import { assertAllowed, HttpError } from '../http-error.ts'
import { withNamedSources } from '../openapi/named-sources.ts'
import { csvContent, headers, type Json, json, ref } from '../openapi/parts.ts'
import { acceptedExample, completedExample, viewSchema } from '../openapi/request.ts'
import { ownOrgQuery } from '../parameters.ts'
import { mayRead, maySubmit, maySubmitSome } from '../rights.ts'
import { type Call, REQUESTS_PATH, route } from '../route.ts'
import type { Service } from '../service.ts'
import { uploadQuery } from '../upload-query.ts'

/** The path where every body is a CSV: generated clients distinguish operations by path. */
export const CSV_PATH = `${REQUESTS_PATH}/csv`

const RIGHTS = `A key needs the role \`submit\`, and must be for the org, object, operation, priority and source; \`code\` says which is missing (403).
Its own limit of records counts like \`maxRecords\`. Where it has a budget of records, a list that does not fit is answered with 429
\`BUDGET_EXCEEDED\`; an upload or a file that does not fit ends \`refused\`.`

export const answers = {
  200: answered('The very same request is there already.', completedExample),
  202: answered('Accepted and stored.', acceptedExample),
}

function answered(description: string, example: object): Json {
  const response = json(description, viewSchema, example)
  return { ...response, headers: { ...Object(response['headers']), ...headers('Location') } }
}

export const uploadRoute = route({
  method: 'post',
  path: CSV_PATH,
  operationId: 'uploadDeletionRequest',
  summary: 'Submit a deletion request with a CSV',
  description: `A CSV of any size, staged as it comes. The other fields of the request stand in the query string. The CSV needs
a column \`Id\`, or is a bare list; other columns are ignored. A CSV that breaks off, or comes too slowly, leaves nothing behind.
A body without a \`Content-Type\` is taken as \`text/csv\`, and so is one of \`text/plain\` or \`application/octet-stream\`.\n\n${RIGHTS}`,
  query: uploadQuery,
  body: {
    type: 'text/csv',
    content: csvContent('Id\n0035g00000AbCdEAAV\n0035g00000AbCdFAAV\n'),
    isRequired: true,
    parse: () => undefined,
  },
  answers,
  problems: [410],
  mayAtAll: maySubmitSome,
  audit: 'submit',
  handle: (call, service) =>
    service.callers.shares.uploads.use(call.key.name, async () =>
      answerOf(await upload(call, service)),
    ),
})

const submitExample = {
  id: 'gdpr-2026-000123',
  object: 'Contact',
  source: { type: 'ids', ids: ['0035g00000AbCdEAAV', '0035g00000AbCdFAAV'] },
  reason: 'Art. 17 request 123',
  labels: { ticket: '4711' },
} as const

/** Takes JSON, or a CSV, depending on the content type. */
export const submitRoute = route({
  method: 'post',
  path: REQUESTS_PATH,
  operationId: 'submitDeletionRequest',
  summary: 'Submit a deletion request',
  description: `As JSON, with up to 10,000 ids, or naming a file that workers can read.\n\n${RIGHTS}`,
  query: ownOrgQuery,
  body: {
    type: 'application/json',
    content: { 'application/json': { schema: ref('DeletionRequest'), example: submitExample } },
    isRequired: true,
    components: () => {
      const { $schema: _, ...request } = requestJsonSchema()
      const left = SOURCE_TYPES.filter((type) => SOURCES[type].takesUpload)
      return withNamedSources('DeletionRequest', request, { left })
    },
    parse: (body) => body,
  },
  csvRoute: uploadRoute,
  answers,
  problems: [410, 413],
  mayAtAll: maySubmitSome,
  audit: 'submit',
  handle: async (call, service) => answerOf(await submit(call, service)),
})

async function submit(
  call: Call<{ org?: string | undefined }, unknown>,
  service: Service,
): Promise<SubmitAnswer> {
  const wanted = parseRequest(withOrg(call.body, call.query.org), Date.now())
  if (takesUpload(wanted.source)) {
    const message = `an upload has no bytes in JSON. Send the CSV as the body, to ${CSV_PATH}`
    throw new InvalidRequestError([{ field: 'source.type', message }])
  }
  const allowed = allow(call, wanted, service)
  const { callers, fileRoots: roots, orgs, inTime } = service
  await inTime(orgs.open(allowed.org))
  // Reading a file here takes as long as an upload of its size.
  const { files: within = null } = limitsOf(call.key) ?? {}
  const meant = await (canBePinned(allowed.source)
    ? callers.shares.uploads.use(call.key.name, () => pinContent(allowed, { roots, within }))
    : allowed)
  return inTime(accept(call, meant, service))
}

async function upload(call: Call<DeletionRequest>, service: Service): Promise<SubmitAnswer> {
  const { orgs, inTime, timeouts } = service
  const allowed = allow(call, call.query, service)
  const { redis } = await inTime(orgs.open(allowed.org))
  // Before the first byte is read: from then on the sender determines the time.
  await inTime(explained(() => redis.ping()))
  return accept(call, allowed, service, atMinimumRate(call.request.raw, timeouts.body))
}

type Submitting = Pick<Call<unknown>, 'key' | 'audit'>

/** Once the producer has answered, the request is stored, whatever happens to this process. */
export async function accept(
  { key, audit }: Submitting,
  wanted: DeletionRequest,
  { producer, callers, orgs }: Service,
  bytes?: AsyncIterable<Uint8Array>,
): Promise<SubmitAnswer> {
  addRequestFacts(wanted.org, wanted)
  try {
    const answer = await producer.submit(wanted, bytes, callers.callerOf(key))
    if (answer.created) {
      const { object, operation, dryRun, reason } = answer.request.request
      audit.made({ ...answer.request, reason }, { object, operation, dryRun })
    }
    const seen = seenBy(key, await orgs.open(wanted.org))
    return { ...answer, request: await seen(answer.request) }
  } catch (thrown) {
    const error = unlessForeign(thrown, key, wanted)
    audit.failed(wanted, error)
    throw error
  }
}

/** A key's own limit applies like one set by the request. */
export function allow(
  { key, audit }: Submitting,
  wanted: DeletionRequest,
  { receivers }: Service,
  may = maySubmit,
): DeletionRequest {
  assertReceiver(wanted, receivers)
  try {
    assertAllowed(may(key, wanted))
  } catch (error) {
    audit.failed(wanted, error)
    throw error
  }
  return { ...wanted, maxRecords: recordLimit(key, wanted.maxRecords) }
}

/** Otherwise only the workers' log would report that the callback is never made. */
function assertReceiver({ callbackUrl }: DeletionRequest, receivers: Service['receivers']): void {
  if (callbackUrl === null || receivers === null || receiverOf(callbackUrl, receivers)) return
  const message =
    'expected a URL without user and password, of one of callbacks.receivers in the configuration of the service'
  throw new InvalidRequestError([{ field: 'callbackUrl', message }])
}

/** A key that may not read the request with that id learns only that the id is taken. */
function unlessForeign(error: unknown, key: ApiKey, { id }: DeletionRequest): unknown {
  if (!(error instanceof ConflictError) || mayRead(key, error.known) === null) return error
  const message = `The id ${id} belongs to a request that the key ${key.name} may not read. Nothing was changed. Use another id, or none.`
  return new HttpError('ID_TAKEN', message)
}

/** The org may be given in the query string, as everywhere, or in the body; both must agree. */
function withOrg(body: unknown, org: string | undefined): unknown {
  if (org === undefined || typeof body !== 'object' || body === null) return body
  if ('org' in body && body.org !== org) {
    const message = `the query string says "${org}", the body another org`
    throw new InvalidRequestError([{ field: 'org', message }])
  }
  return { ...body, org }
}

export function answerOf({ request, created }: SubmitAnswer) {
  return { status: created ? 202 : 200, headers: { Location: locationOf(request) }, body: request }
}

function locationOf({ id, org }: { id: string; org: string }): string {
  return `${REQUESTS_PATH}/${id}${org === DEFAULT_ORG ? '' : `?org=${org}`}`
}
