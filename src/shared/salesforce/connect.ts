import { ConfigError } from '../base/errors.ts'
import type { ProxyEnv } from './agents.ts'
import { createSalesforce, type Salesforce, type SalesforceOptions } from './client.ts'
import type { Credentials } from './credentials.ts'

/** What is configured of an org's connection. */
interface Connection extends Pick<SalesforceOptions, 'apiVersion' | 'timeouts'> {
  readonly name: string
  /** Null where the process never talks to Salesforce. */
  readonly credentials: Credentials | null
  readonly expectedOrgId: string | null
}

/** The client of a configured org. @throws ConfigError where the org has no credentials */
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
