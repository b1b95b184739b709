import { ConfigError } from '../base/errors.ts'
import type { Config, OrgConfig } from '../config/config.ts'
import { createSalesforce, type Salesforce, type SalesforceOptions } from './client.ts'

/** The client of a configured org. @throws ConfigError where the org has no credentials */
export function connectSalesforce(
  org: OrgConfig,
  { proxyEnv }: Pick<Config, 'proxyEnv'>,
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
