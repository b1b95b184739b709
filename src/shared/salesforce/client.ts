import { type Clock, systemClock } from '../base/clock.ts'
import { ConfigError, ExpungeError } from '../base/errors.ts'
import { accessApi } from './access.ts'
import { type Login, loginFlow } from './auth.ts'
import type { ProxyEnv } from './connections.ts'
import type { Credentials } from './credentials.ts'
import { createHttp } from './http.ts'
import { identifiedLogin, identify } from './identified-login.ts'
import { type IngestApi, ingestApi } from './ingest.ts'
import { type OrgLimits, orgApi } from './org.ts'
import { type QueryApi, queryApi } from './query.ts'
import { recordFields } from './record-fields.ts'
import { type Access, createSession, type Session } from './session.ts'
import { createTransport } from './transport.ts'

interface SalesforceOptions extends Omit<Parameters<typeof createTransport>[0], 'clock'> {
  readonly credentials: Credentials
  /** Such as `61.0`. */
  readonly apiVersion: string
  /** 15 or 18 characters. If set, a login to any other org is refused. */
  readonly expectedOrgId?: string | undefined
  readonly clock?: Clock | undefined
}

/** Who the client is logged in as, and where. */
export interface Identity {
  /** 18 characters, prefix 00D. */
  readonly orgId: string
  /** Origin of the API, such as `https://acme.my.salesforce.com`. */
  readonly instanceUrl: string
  /** Null if the app may not read it. */
  readonly username: string | null
  /** Null if the user may not read the org's record. */
  readonly isSandbox: boolean | null
  readonly name: string | null
}

class ClientClosedError extends ExpungeError {
  readonly code = 'CLIENT_CLOSED'
}

/** One Salesforce org, with one login and one connection pool. */
export interface Salesforce {
  readonly ingest: IngestApi
  readonly query: QueryApi
  /** What the user may do. */
  readonly access: ReturnType<typeof accessApi>
  /** @throws {WrongOrgError} @throws {SalesforceError} */
  login(signal?: AbortSignal): Promise<Identity>
  limits(signal?: AbortSignal): Promise<OrgLimits>
  /** About how many records of an object the org has; null if it does not say. */
  recordCount(object: string, signal?: AbortSignal): Promise<number | null>
  /** Fields of records by their ids. */
  recordFields(
    wanted: Parameters<typeof recordFields>[1],
    signal?: AbortSignal,
  ): ReturnType<typeof recordFields>
  /** API versions that the org serves, oldest first. */
  versions(signal?: AbortSignal): ReturnType<ReturnType<typeof orgApi>['versions']>
  /** Closes every connection; calls in progress fail. */
  close(): void
}

/** @throws {ConfigError} if the credentials or the proxy are invalid. */
export function createSalesforce(options: SalesforceOptions): Salesforce {
  const { credentials, apiVersion, expectedOrgId, clock = systemClock } = options
  const transport = createTransport({ ...options, clock })
  // A login is shared, so it ends with the client and not with a caller.
  const closed = new AbortController()
  const login = loginFlow(credentials, transport, clock, closed.signal)
  const askWith = (fresh: Login) =>
    orgApi(createHttp({ transport, session: soleSession(fresh), clock, apiVersion }))
  const { signal } = closed
  const session = createSession(identifiedLogin({ login, expectedOrgId, askWith, signal }), clock)
  const http = createHttp({ transport, session, clock, apiVersion })
  const org = orgApi(http)

  return {
    ingest: ingestApi(http),
    query: queryApi(http),
    access: accessApi(http),
    async login(signal) {
      const { instanceUrl, orgId } = await session.access(signal)
      const { user, organization } = await identify(org, orgId, signal)
      return {
        orgId,
        instanceUrl: instanceUrl.origin,
        username: user?.username ?? null,
        isSandbox: organization?.isSandbox ?? null,
        name: organization?.name ?? null,
      }
    },
    limits: org.limits,
    recordCount: org.recordCount,
    recordFields: (wanted, signal) => recordFields(http, wanted, signal),
    versions: org.versions,
    close: () => {
      closed.abort(new ClientClosedError('The client of Salesforce was closed during a login.'))
      transport.close()
    },
  }
}

/**
 * A session with one access that is not renewed, to find out whose token it is before anything else
 * uses it. Refusals are passed on unchanged.
 */
function soleSession<A extends Access>(access: A): Session<A> {
  return {
    access: async () => access,
    renew: async () => null,
    doubt: async () => null,
    confirm: () => {},
  }
}

/** The configuration of an org's connection. */
interface Connection extends Pick<SalesforceOptions, 'apiVersion' | 'timeouts'> {
  readonly name: string
  /** Null if the process never calls Salesforce. */
  readonly credentials: Credentials | null
  readonly expectedOrgId: string | null
}

/** The client of a configured org. @throws ConfigError if the org has no credentials */
export function connectSalesforce(
  org: Connection,
  { proxyEnv }: { readonly proxyEnv: ProxyEnv },
  observed: Pick<SalesforceOptions, 'clock' | 'onCall' | 'onQuota'> = {},
): Salesforce {
  if (org.credentials === null) {
    const message = 'expected credentials for Salesforce, got none.'
    throw new ConfigError([{ setting: `orgs.${org.name}`, message }])
  }
  return createSalesforce({
    credentials: org.credentials,
    apiVersion: org.apiVersion,
    expectedOrgId: org.expectedOrgId ?? undefined,
    timeouts: org.timeouts,
    proxyEnv,
    ...observed,
  })
}
