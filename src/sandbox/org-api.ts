import type { Call } from './call.ts'
import type { Allowance, Quota } from './quota.ts'
import { json, notFound, type Reply, refuse } from './reply.ts'
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

/** `GET /services/data/vXX.X/limits`. */
export function limits(quota: Quota): Reply {
  return json(200, {
    DailyApiRequests: pair(quota.apiRequests),
    DailyBulkApiBatches: pair(quota.bulkApiBatches),
    DailyBulkV2QueryFileStorageMB: { Max: 976_562, Remaining: 976_562 },
    DailyBulkV2QueryJobs: { Max: 10_000, Remaining: 10_000 },
  })
}

export interface Organization {
  readonly orgId: string
  readonly isSandbox: boolean
  readonly userId: string
  readonly username: string
}

/** `GET /services/data/vXX.X/query`: answers about the Organization record, and nothing else. */
export function query(call: Call, { orgId, isSandbox }: Organization): Reply {
  const soql = call.query.get('q') ?? ''
  const form = /^\s*SELECT\s+([\w\s,]+?)\s+FROM\s+Organization(?:\s+LIMIT\s+1)?\s*$/i
  const columns = form.exec(soql)?.[1]?.split(/\s*,\s*/)
  if (!columns) {
    refuse(
      400,
      'MALFORMED_QUERY',
      'The sandbox answers SELECT … FROM Organization and no other query',
    )
  }
  const record: Readonly<Record<string, unknown>> = {
    Id: orgId,
    Name: 'Sandbox of Expunge',
    IsSandbox: isSandbox,
    InstanceName: 'LOCAL',
    OrganizationType: 'Enterprise Edition',
    NamespacePrefix: null,
    TrialExpirationDate: null,
  }
  const url = `/services/data/v${call.route.version}/sobjects/Organization/${orgId}`
  return json(200, {
    totalSize: 1,
    done: true,
    records: [{ attributes: { type: 'Organization', url }, ...picked(record, columns) }],
  })
}

/** `GET /services/data/vXX.X/sobjects/User/{id}`: who is logged in; the org has no other user. */
export function user(call: Call, { userId, username }: Organization): Reply {
  const url = `/services/data/v${call.route.version}/sobjects/User/${userId}`
  const asked = call.route.userId ?? ''
  if (asked.slice(0, 15) !== userId.slice(0, 15)) notFound()
  return json(200, {
    attributes: { type: 'User', url },
    Id: userId,
    Username: username,
    Name: 'Sandbox Integration',
    Email: username,
    IsActive: true,
  })
}

function picked(record: Readonly<Record<string, unknown>>, columns: readonly string[]) {
  const names = columns.map((column) => nameOf(record, column))
  return Object.fromEntries(names.map((name) => [name, record[name]]))
}

function nameOf(record: object, column: string): string {
  const name = Object.keys(record).find((key) => key.toLowerCase() === column.toLowerCase())
  if (name !== undefined) return name
  refuse(400, 'INVALID_FIELD', `No such column '${column}' on entity 'Organization'`)
}

const pair = (allowance: Allowance) => ({ Max: allowance.max, Remaining: allowance.remaining })

/** v68.0 is Winter '27; three releases a year. */
function label(version: number): string {
  const before = NEWEST_VERSION - version
  return `${['Winter', 'Summer', 'Spring'][before % 3]} '${27 - Math.ceil(before / 3)}`
}
