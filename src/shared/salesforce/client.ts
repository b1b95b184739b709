import { type Clock, systemClock } from '../clock.ts'
import { type LoginFlow, loginFlow } from './auth.ts'
import type { Credentials } from './credentials.ts'
import { WrongOrgError } from './errors.ts'
import { createHttp } from './http.ts'
import { type IngestApi, ingestApi } from './ingest.ts'
import {
  type ApiVersion,
  identify,
  limits,
  type OrgLimits,
  organization,
  to18OrSame,
  versions,
} from './org.ts'
import { createSession } from './session.ts'
import { createTransport, type TransportOptions } from './transport.ts'

export interface SalesforceOptions extends Omit<TransportOptions, 'clock'> {
  readonly credentials: Credentials
  /** As in `61.0`. */
  readonly apiVersion: string
  /** 15 or 18 characters. Where set, a login to any other org is refused. */
  readonly expectedOrgId?: string | undefined
  readonly clock?: Clock | undefined
}

/** Who the client is logged in as, and where. */
export interface Identity {
  /** 18 characters, prefix 00D. */
  readonly orgId: string
  /** Origin of the API, as in `https://acme.my.salesforce.com`. */
  readonly instanceUrl: string
  readonly username: string
  /** Null where the user may not read the org's record. */
  readonly isSandbox: boolean | null
  readonly name: string | null
}

/** One org of Salesforce, over one login and one pool of connections. */
export interface Salesforce {
  readonly ingest: IngestApi
  /** @throws {WrongOrgError} @throws {SalesforceError} */
  login(signal?: AbortSignal): Promise<Identity>
  limits(signal?: AbortSignal): Promise<OrgLimits>
  /** What the org serves, oldest first. */
  versions(signal?: AbortSignal): Promise<ApiVersion[]>
  /** Ends every connection; calls under way fail. */
  close(): void
}

/** @throws {ConfigError} where credentials or proxy cannot be right. */
export function createSalesforce(options: SalesforceOptions): Salesforce {
  const { credentials, apiVersion, expectedOrgId, clock = systemClock } = options
  const transport = createTransport({ ...options, clock })
  const session = createSession(toOrg(expectedOrgId, loginFlow(credentials, transport, clock)))
  const http = createHttp({ transport, session, clock, apiVersion })

  return {
    ingest: ingestApi(http),
    async login(signal) {
      const { instanceUrl } = await session.access(signal)
      const { orgId, username } = await identify(http, signal)
      assertOrg(expectedOrgId, orgId)
      const org = await organization(http, signal)
      return {
        orgId,
        instanceUrl: instanceUrl.origin,
        username,
        isSandbox: org?.isSandbox ?? null,
        name: org?.name ?? null,
      }
    },
    limits: (signal) => limits(http, signal),
    versions: (signal) => versions(http, signal),
    close: () => transport.close(),
  }
}

/** Later logins are held to the org of the first: secrets may be replaced under a running worker. */
function toOrg(expected: string | undefined, login: LoginFlow): LoginFlow {
  let org = expected
  return async (refused) => {
    const access = await login(refused)
    if (access.orgId !== null) {
      assertOrg(org, access.orgId)
      org ??= access.orgId
    }
    return access
  }
}

function assertOrg(expected: string | undefined, actual: string): void {
  if (expected === undefined) return
  const [wanted, got] = [to18OrSame(expected), to18OrSame(actual)]
  if (wanted !== got) throw new WrongOrgError(wanted, got)
}
