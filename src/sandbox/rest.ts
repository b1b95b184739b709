import type { Auth } from './auth.ts'
import type { Call } from './call.ts'
import type { IngestApi } from './ingest-api.ts'
import { orgApi } from './org-api.ts'
import type { QueryApi, QueryDeps } from './query-api.ts'
import type { QueryJobs } from './query-jobs.ts'
import { answered, apiError, notFound, type Reply, refuse } from './reply.ts'
import type { Quota } from './settings.ts'

interface RestDeps extends QueryDeps {
  readonly auth: Auth
  readonly quota: Quota
  readonly ingest: IngestApi
  readonly queries: QueryApi
  readonly queryJobs: QueryJobs
}

/**
 * Carries out one call: OAuth without a token; REST with one, counted and with the usage header.
 */
export async function performCall(call: Call, deps: RestDeps): Promise<Reply> {
  const { auth, organization } = deps
  switch (call.operation) {
    case 'token':
      return auth.token(call.request, await formOf(call), call.origin)
    case 'revoke':
      return auth.revoke(await formOf(call))
    case 'soapLogin':
      return orgApi.soapLogin()
    case 'userinfo':
      auth.checkIdentity(call.request, call.query)
      return orgApi.userinfo(call.origin, organization)
    case 'identity':
      auth.checkIdentity(call.request, call.query)
      return orgApi.identity(call, organization)
    case 'versions':
      return withUsage(orgApi.versions(), deps.quota)
    default:
      return withUsage(await answered(performRest(call, deps)), deps.quota)
  }
}

async function performRest(call: Call, deps: RestDeps): Promise<Reply> {
  deps.auth.check(call.request)
  if (!deps.quota.apiRequests.take()) {
    refuse(403, 'REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.')
  }
  return route(call, deps)
}

function route(call: Call, deps: RestDeps): Promise<Reply> | Reply {
  const { ingest, queries, queryJobs } = deps
  switch (call.operation) {
    case 'resources':
      return orgApi.resources(call, deps.organization)
    case 'limits':
      return orgApi.limits(deps.quota)
    case 'recordCount':
      return orgApi.recordCount(call, deps)
    case 'query':
    case 'queryAll':
      return queries.query(call)
    case 'queryMore':
      return queries.more(call)
    case 'queryCreate':
      return queryJobs.create(call)
    case 'queryList':
      return queryJobs.list(call)
    case 'queryGet':
      return queryJobs.get(call)
    case 'queryAbort':
      return queryJobs.patch(call)
    case 'queryDelete':
      return queryJobs.remove(call)
    case 'queryResults':
      return queryJobs.results(call)
    case 'user':
      return orgApi.user(call, deps.organization)
    case 'describe':
      return orgApi.describe(call, deps)
    case 'create':
      return ingest.create(call)
    case 'upload':
      return ingest.upload(call)
    case 'close':
    case 'abort':
    case 'patch':
      return ingest.patch(call)
    case 'get':
      return ingest.get(call)
    case 'list':
      return ingest.list(call)
    case 'delete':
      return ingest.remove(call)
    case 'successfulResults':
    case 'failedResults':
    case 'unprocessedRecords':
      return ingest.results(call, call.operation)
    default:
      return nowhere(call)
  }
}

function nowhere({ request, route }: Call): Reply {
  if (route.allow === undefined) notFound()
  const message = `HTTP Method '${request.method}' not allowed. Allowed are ${route.allow}`
  return { ...apiError(405, 'METHOD_NOT_ALLOWED', message), headers: { Allow: route.allow } }
}

function withUsage(reply: Reply, { apiRequests }: Quota): Reply {
  const usage = `api-usage=${apiRequests.used}/${apiRequests.max}`
  return { ...reply, headers: { ...reply.headers, 'Sforce-Limit-Info': usage } }
}

async function formOf(call: Call): Promise<URLSearchParams> {
  return new URLSearchParams((await call.body()).toString('utf8'))
}
