import { z } from 'zod'
import { canonicalId, to18 } from '../contract/record-id.ts'
import { numberField } from './answer.ts'
import { SalesforceError } from './errors.ts'
import type { Http } from './http.ts'

/** An org id in 18 characters, from either form; undefined if the text is not one. */
export function canonicalOrgId(text: string): string | undefined {
  const id15 = canonicalId(text)
  return id15?.startsWith('00D') ? to18(id15) : undefined
}

/** The same as the field of an answer. */
const orgIdField: z.ZodType<string> = z.string().transform((text, context) => {
  const orgId = canonicalOrgId(text)
  if (orgId !== undefined) return orgId
  context.addIssue({ code: 'custom', message: 'expected an org id, 00D…' })
  return z.NEVER
})

/** The user of the login, and its org. */
export interface User {
  /** 18 characters, prefix 00D. */
  readonly orgId: string
  /** Null if the answer has none. */
  readonly username: string | null
}

const USERINFO = '/services/oauth2/userinfo'

const userinfo = z.object({
  organization_id: orgIdField,
  preferred_username: z.string().nullish(),
})

/**
 * Asks whose token it is (`/services/oauth2/userinfo`); null if the app may not know: with the
 * scope `api` alone it gets 403.
 */
async function user(http: Http, signal?: AbortSignal): Promise<User | null> {
  const call = { operation: 'userinfo', method: 'GET', path: USERINFO, signal } as const
  try {
    const told = await http.json(call, userinfo)
    return { orgId: told.organization_id, username: told.preferred_username ?? null }
  } catch (error) {
    if (error instanceof SalesforceError && error.httpStatus === 403) return null
    throw error
  }
}

/** The org's own description. */
export interface Organization {
  readonly orgId: string
  readonly name: string
  readonly isSandbox: boolean
  /** `NA123`, `CS45`, … */
  readonly instanceName: string | null
  /** The edition, such as `Enterprise Edition`. */
  readonly type: string | null
}

const organizations = z.object({
  records: z
    .array(
      z.object({
        Id: orgIdField,
        Name: z.string(),
        IsSandbox: z.boolean(),
        InstanceName: z.string().nullish(),
        OrganizationType: z.string().nullish(),
      }),
    )
    .max(1),
})

const SOQL = 'SELECT Id, Name, IsSandbox, InstanceName, OrganizationType FROM Organization'

/** The org's own record; null if the user may not read it. */
async function organization(http: Http, signal?: AbortSignal): Promise<Organization | null> {
  const path = `query?q=${encodeURIComponent(SOQL)}`
  try {
    const call = { operation: 'organization', method: 'GET', path, signal } as const
    const [record] = (await http.json(call, organizations)).records
    if (!record) return null
    return {
      orgId: record.Id,
      name: record.Name,
      isSandbox: record.IsSandbox,
      instanceName: record.InstanceName ?? null,
      type: record.OrganizationType ?? null,
    }
  } catch (error) {
    if (isNotPermitted(error)) return null
    throw error
  }
}

function isNotPermitted(error: unknown): boolean {
  if (!(error instanceof SalesforceError)) return false
  return error.kind === 'unexpected' && (error.httpStatus === 400 || error.httpStatus === 403)
}

/** One of the org's rolling allowances. */
interface Limit {
  readonly max: number
  readonly remaining: number
}

/** The allowances that deleting uses; null if the org does not report them. */
export interface OrgLimits {
  readonly DailyApiRequests: Limit | null
  readonly DailyBulkApiBatches: Limit | null
}

const limit = z
  .object({ Max: numberField, Remaining: numberField })
  .nullish()
  .transform((value) => (value ? { max: value.Max, remaining: value.Remaining } : null))

const orgLimits = z
  .object({
    DailyApiRequests: limit,
    DailyBulkApiBatches: limit,
    /** The same under the name used by older versions. */
    DailyBulkApiRequests: limit,
  })
  .transform(({ DailyApiRequests, DailyBulkApiBatches, DailyBulkApiRequests }) => ({
    DailyApiRequests,
    DailyBulkApiBatches: DailyBulkApiBatches ?? DailyBulkApiRequests,
  }))

/** The remaining daily allowances (REST API, Limits; needs View Setup and Configuration). */
function limits(http: Http, signal?: AbortSignal): Promise<OrgLimits> {
  return http.json({ operation: 'limits', method: 'GET', path: 'limits/', signal }, orgLimits)
}

const recordCounts = z.object({
  sObjects: z.array(z.object({ name: z.string(), count: numberField })),
})

/**
 * About how many records of an object the org has (REST API, Record Count); null if it does not say.
 * The count is kept by the org and may be hours old.
 */
async function recordCount(
  http: Http,
  object: string,
  signal?: AbortSignal,
): Promise<number | null> {
  const path = `limits/recordCount?sObjects=${encodeURIComponent(object)}`
  const call = { operation: 'recordCount', method: 'GET', path, signal } as const
  const { sObjects } = await http.json(call, recordCounts)
  return sObjects.find(({ name }) => name === object)?.count ?? null
}

/** An API version that the org serves, such as `61.0`. */
interface ApiVersion {
  readonly version: string
  readonly label: string
}

const apiVersions = z.array(
  z.object({
    version: z.union([z.string(), z.number().transform((version) => version.toFixed(1))]),
    label: z.string().catch(''),
  }),
)

function versions(http: Http, signal?: AbortSignal): Promise<ApiVersion[]> {
  const path = '/services/data/'
  return http.json({ operation: 'versions', method: 'GET', path, signal }, apiVersions)
}

/** Information about an org and the login. Each call throws SalesforceError if it fails. */
export function orgApi(http: Http) {
  return {
    user: (signal?: AbortSignal) => user(http, signal),
    organization: (signal?: AbortSignal) => organization(http, signal),
    limits: (signal?: AbortSignal) => limits(http, signal),
    recordCount: (object: string, signal?: AbortSignal) => recordCount(http, object, signal),
    versions: (signal?: AbortSignal) => versions(http, signal),
  }
}
