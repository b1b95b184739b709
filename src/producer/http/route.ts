import type { FastifyRequest } from 'fastify'
import type { AuditEntry } from '../../shared/base/logger.ts'
import { type RequestView, UnknownRequestError } from '../producer.ts'
import type { ApiKey } from './api-key.ts'
import { auditorOf } from './audit.ts'
import { assertNotCompressed } from './body.ts'
import { seenBy } from './holders.ts'
import { assertAllowed, DeniedError } from './http-error.ts'
import type { Json } from './openapi/parts.ts'
import { orgQuery, type ParameterSet } from './parameters.ts'
import { type Denial, type ExistingRequest, outsideOrgs } from './rights.ts'
import type { Service } from './service.ts'

/**
 * Each API route is one record. Fastify's routes, the methods refused on its path, the permissions,
 * the audit log's lines and the OpenAPI operation are all derived from it.
 */

export const REQUESTS_PATH = '/v1/deletion-requests'

interface Operation {
  readonly method: 'get' | 'post'
  /** In OpenAPI's form, with `{id}`. */
  readonly path: string
  readonly operationId: string
  readonly summary: string
  readonly description: string
  /** By status; the problems common to all routes are added. */
  readonly answers: Readonly<Record<number, Json>>
  /** Statuses of further problems. */
  readonly problems?: readonly number[]
  /** Served, but not documented. */
  readonly isHidden?: boolean
}

/** The body that a route takes. */
interface RouteBody<T> {
  /** JSON is parsed; a CSV remains a stream. */
  readonly type: 'application/json' | 'text/csv'
  /** For the document. */
  readonly content: Json
  readonly isRequired: boolean
  /** Schemas that `content` refers to. */
  readonly components?: () => Readonly<Record<string, Json>>
  /** Maximum bytes; defaults to that of a deletion request. */
  readonly maxBytes?: number
  readonly parse: (body: unknown) => T
}

export interface Call<Query, Body = undefined> {
  readonly key: ApiKey
  readonly query: Query
  readonly body: Body | undefined
  readonly request: FastifyRequest
  readonly audit: ReturnType<typeof auditorOf>
}

interface RouteAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | number>>
  readonly body?: unknown
}

/** A route record without its specific types. */
export interface Route extends Operation {
  readonly parameters: readonly Json[]
  readonly body?: RouteBody<unknown>
  /** The route for calls whose body is a CSV, if it is another one. */
  readonly csvRoute?: Route
  /** Checked before a body is read. @throws DeniedError */
  readonly admit: (request: FastifyRequest, service: Service) => void
  readonly answer: (request: FastifyRequest, service: Service) => Promise<RouteAnswer>
}

interface RouteRecord<Query, Body> extends Operation {
  readonly query: ParameterSet<Query>
  readonly body?: RouteBody<Body>
  readonly csvRoute?: Route
  /** What denies a key whatever the call; checked before a body is read. */
  readonly mayAtAll?: (key: ApiKey) => Denial | null
  readonly may?: (key: ApiKey, query: Query) => Denial | null
  /** The change's name in the audit log; absent if nothing changes. */
  readonly audit?: AuditEntry['action']
  readonly handle: (call: Call<Query, Body>, service: Service) => Promise<RouteAnswer>
}

export function route<Query, Body = undefined>(record: RouteRecord<Query, Body>): Route {
  const { mayAtAll, may, handle, ...rest } = record
  return {
    ...rest,
    parameters: record.query.documented,
    admit: (request, service) => {
      const denial = mayAtAll?.(service.callers.of(request)) ?? null
      if (denial === null) return
      const error = new DeniedError(denial.code, denial.message)
      // The body was not read, so the target of the call is unknown.
      const attempt = { org: null, id: null, reason: null }
      auditorFor(record, request, service).failed(attempt, error)
      throw error
    },
    answer: async (request, service) => {
      const call = read(record, request, service)
      assertAllowed(may?.(call.key, call.query) ?? null)
      return handle(call, service)
    },
  }
}

interface RequestRecord<Path, Body> extends Operation {
  readonly pathParameters: ParameterSet<Path>
  readonly body?: RouteBody<Body>
  readonly may: (key: ApiKey, request: ExistingRequest) => Denial | null
  readonly audit?: AuditEntry['action']
  readonly handle: (call: RequestCall<Path, Body>, service: Service) => Promise<RouteAnswer>
}

export interface RequestCall<Path, Body = undefined> extends Call<{ readonly org: string }, Body> {
  readonly path: Path
  /** The request that the path names. */
  readonly view: RequestView
}

/** A route below `/{id}`: about one request, which the key must be allowed to access. */
export function requestRoute<
  Path extends { readonly id: string },
  Body extends { readonly reason?: string | undefined } | undefined = undefined,
>(record: RequestRecord<Path, Body>): Route {
  const { pathParameters, may, handle, ...rest } = record
  return {
    ...rest,
    parameters: [...pathParameters.documented, ...orgQuery.documented],
    admit: () => {},
    answer: async (request, service) => {
      const call = read({ ...rest, query: orgQuery }, request, service)
      const path = pathParameters.parse(request.params)
      const named = { org: call.query.org, id: path.id }
      try {
        const view = await findRequest(service, call.key, named)
        assertAllowed(may(call.key, existing(view)))
        return await handle({ ...call, path, view }, service)
      } catch (error) {
        const reason = call.body?.reason ?? null
        if (error instanceof DeniedError) call.audit.failed({ ...named, reason }, error)
        throw error
      }
    },
  }
}

function read<Query, Body>(
  record: Pick<RouteRecord<Query, Body>, 'query' | 'body' | 'audit'>,
  request: FastifyRequest,
  service: Service,
): Call<Query, Body> {
  if (record.body?.type === 'text/csv') assertNotCompressed(request, 'CSV')
  return {
    key: service.callers.of(request),
    query: record.query.parse(request.query),
    body: record.body?.parse(request.body),
    request,
    audit: auditorFor(record, request, service),
  }
}

function auditorFor(
  { audit }: { readonly audit?: AuditEntry['action'] },
  request: FastifyRequest,
  { callers, log }: Service,
) {
  return auditorOf(log, request, callers.of(request), audit ?? null)
}

/** The facts on which a key's permissions depend. */
function existing({ org, submittedBy, request }: RequestView): ExistingRequest {
  const { object, operation } = request
  return { org, submittedBy, object, operation }
}

/**
 * Loads the named request, before it is known whether the key may access it.
 *
 * @throws UnknownRequestError
 */
export async function findRequest(
  { producer, orgs, inTime }: Service,
  key: ApiKey,
  { org, id }: { org: string; id: string },
): Promise<RequestView> {
  assertAllowed(outsideOrgs(key, org))
  const store = await inTime(orgs.open(org))
  const view = await inTime(producer.inspect(id, { org }))
  if (view === null) throw new UnknownRequestError(`Org "${org}" knows no request ${id}.`)
  return inTime(seenBy(key, store)(view))
}
