import type { Config, OrgConfig } from '../../shared/config/config.ts'
import type { DeletableObject } from '../../shared/contract/objects.ts'
import {
  connectSalesforce,
  type Identity,
  type Salesforce,
} from '../../shared/salesforce/client.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import type { OrgLimits } from '../../shared/salesforce/org.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { countAttempts } from '../attempts.ts'
import { count } from '../render/format.ts'
import { kindOfOrg, orgWords } from '../render/org.ts'
import { checkAccess } from './access.ts'
import { answerWithin, type Finding, fail, failed, ok, warn } from './finding.ts'

/** Long enough for a slow proxy, but too short to wait out an outage. */
const TIMEOUT_MS = 30_000

/** The object to check, if one was named. */
export type AskedOfOrg = {
  readonly object: DeletableObject
  readonly hardDelete: boolean
} | null

const askedOf = ({ name, hardDelete: isAllowed }: OrgConfig, asked: NonNullable<AskedOfOrg>) => ({
  object: asked.object,
  hardDelete: asked.hardDelete ? { isAllowed, org: name } : null,
})

/** Login, identity, API version and the remaining daily allowances. */
export async function checkOrg(
  org: OrgConfig,
  config: Config,
  { store, asked }: { readonly store: OrgStore | null; readonly asked: AskedOfOrg },
): Promise<readonly Finding[]> {
  const name = (check: string) => (config.orgs.size === 1 ? check : `${check} (${org.name})`)
  const signal = answerWithin(TIMEOUT_MS, hostOf(org))
  const attempts = countAttempts()
  let salesforce: Salesforce | null = null
  try {
    salesforce = connectSalesforce(org, config, { onCall: attempts.called })
    const identity = await salesforce.login(signal)
    return [
      ok(name('Login'), loginWords(identity)),
      await checkIdentity(name('Org'), org, identity, { store, isEmbedded: config.redis === null }),
      await checkVersion(name('API version'), org, salesforce, signal),
      ...(asked === null ? [] : await checkAccess(name, askedOf(org, asked), salesforce, signal)),
      ...(await checkLimits(name, salesforce, signal)),
    ]
  } catch (error) {
    return [failed(name('Login'), error, attempts.afterCall(error))]
  } finally {
    salesforce?.close()
  }
}

function hostOf({ credentials }: OrgConfig): string {
  switch (credentials?.kind) {
    case 'client-credentials':
    case 'jwt':
      return credentials.loginUrl
    case 'token':
      return credentials.instanceUrl
    case 'sf':
    case undefined:
      return 'Salesforce'
    default:
      throw new TypeError(`Unknown login ${JSON.stringify(credentials satisfies never)}`)
  }
}

function loginWords(identity: Identity): string {
  const { username, instanceUrl } = identity
  return `${username ?? 'a user whose name the app may not read'} at ${new URL(instanceUrl).host}, ${kindOfOrg(identity)}`
}

async function checkIdentity(
  check: string,
  { expectedOrgId, login, name }: OrgConfig,
  identity: Identity,
  { store, isEmbedded }: { readonly store: OrgStore | null; readonly isEmbedded: boolean },
): Promise<Finding> {
  const words = orgWords(identity)
  const known = (await store?.ledger.orgId()) ?? null
  // On an embedded server each org has its own ledger, whatever its name.
  const isTied = !isEmbedded && known !== null
  if (isTied && known !== identity.orgId) {
    const found = `${words}, but "${name}" in Redis belongs to ${known}`
    return fail(check, found, 'Use the credentials of that org, another org name or another Redis.')
  }
  if (expectedOrgId !== null) {
    const by = login === 'stored' ? 'when its login was stored' : 'SALESFORCE_ORG_ID expects'
    return ok(check, `${words}, as ${by}`)
  }
  return known !== identity.orgId
    ? warn(
        check,
        `${words}; nothing says yet that it is the right one`,
        `Set SALESFORCE_ORG_ID=${identity.orgId}, and a login to any other org is refused.`,
      )
    : ok(check, `${words}, as in Redis`)
}

async function checkVersion(
  check: string,
  { apiVersion }: OrgConfig,
  salesforce: Salesforce,
  signal: AbortSignal,
): Promise<Finding> {
  try {
    const versions = await salesforce.versions(signal)
    const [oldest, newest] = [versions[0]?.version, versions.at(-1)?.version]
    return versions.some(({ version }) => version === apiVersion)
      ? ok(check, `${apiVersion} (the org serves up to ${newest})`)
      : fail(
          check,
          `${apiVersion} is not served`,
          `Set SALESFORCE_API_VERSION, ${oldest} to ${newest}.`,
        )
  } catch (error) {
    return failed(check, error)
  }
}

async function checkLimits(
  name: (check: string) => string,
  salesforce: Salesforce,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  try {
    const { DailyApiRequests, DailyBulkApiBatches } = await salesforce.limits(signal)
    return [
      judgeLimit(name('API calls'), DailyApiRequests),
      judgeLimit(name('Bulk batches'), DailyBulkApiBatches),
    ]
  } catch (error) {
    if (error instanceof SalesforceError && error.retryable) return [failed(name('Quotas'), error)]
    const advice = 'Give the user "View Setup and Configuration" to see them. `run` works without.'
    return [warn(name('Quotas'), 'the user may not read them', advice)]
  }
}

export function judgeLimit(check: string, limit: OrgLimits[keyof OrgLimits]): Finding {
  if (limit === null) return warn(check, 'the org does not tell', 'Look at Setup, System Overview.')
  const found = `${count(limit.remaining)} of ${count(limit.max)} left today`
  if (limit.remaining === 0)
    return fail(check, found, 'Wait: the allowance is of the last 24 hours.')
  return limit.remaining < limit.max / 10
    ? warn(check, found, 'Priority low waits at twice the reserve, normal at the reserve.')
    : ok(check, found)
}
