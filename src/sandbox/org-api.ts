import type { Call } from './call.ts'
import { type Identity, USER_NAME } from './identity.ts'
import type { Allowance, Quota } from './quota.ts'
import { json, notFound, type Reply } from './reply.ts'
import { NEWEST_VERSION, OLDEST_VERSION } from './routes.ts'

/** `GET /services/data/`: the only REST resource that needs no token. */
export function versions(): Reply {
  const count = NEWEST_VERSION - OLDEST_VERSION + 1
  return json(
    200,
    Array.from({ length: count }, (_, at) => {
      const version = OLDEST_VERSION + at
      return { label: label(version), url: `/services/data/v${version}.0`, version: `${version}.0` }
    }),
  )
}

/** `GET /services/data/vXX.X`: what there is, by name. */
export function resources({ route, origin }: Call, { orgId, userId }: Organization): Reply {
  const base = `/services/data/v${route.version}`
  return json(200, {
    identity: `${origin}/id/${orgId}/${userId}`,
    jobs: `${base}/jobs`,
    limits: `${base}/limits`,
    query: `${base}/query`,
    queryAll: `${base}/queryAll`,
    sobjects: `${base}/sobjects`,
  })
}

/** `GET /services/data/vXX.X/limits`. */
export function limits(quota: Quota): Reply {
  return json(200, {
    DailyApiRequests: pair(quota.apiRequests),
    DailyBulkApiBatches: pair(quota.bulkApiBatches),
    DailyBulkV2QueryFileStorageMB: { Max: 976_562, Remaining: 976_562 },
    DailyBulkV2QueryJobs: { Max: 10_000, Remaining: 10_000 },
  })
}

export interface Organization extends Identity {
  readonly isSandbox: boolean
}

/** The one record of the Organization. */
export function organizationRecord({ orgId, isSandbox }: Organization) {
  return {
    Id: orgId,
    Name: 'Sandbox of Expunge',
    IsSandbox: isSandbox,
    InstanceName: 'LOCAL',
    OrganizationType: 'Enterprise Edition',
    NamespacePrefix: null,
    TrialExpirationDate: null,
  }
}

/** The user that is logged in; the org has no other. */
export function userRecord({ userId, username }: Organization) {
  return { Id: userId, Username: username, Name: USER_NAME, Email: username, IsActive: true }
}

/** `GET /services/data/vXX.X/sobjects/User/{id}`. */
export function user(call: Call, organization: Organization): Reply {
  const { userId } = organization
  const url = `/services/data/v${call.route.version}/sobjects/User/${userId}`
  const asked = call.route.userId ?? ''
  if (asked.slice(0, 15) !== userId.slice(0, 15)) notFound()
  return json(200, { attributes: { type: 'User', url }, ...userRecord(organization) })
}

const pair = (allowance: Allowance) => ({ Max: allowance.max, Remaining: allowance.remaining })

/** v68.0 is Winter '27; three releases a year. */
function label(version: number): string {
  const before = NEWEST_VERSION - version
  return `${['Winter', 'Summer', 'Spring'][before % 3]} '${27 - Math.ceil(before / 3)}`
}
