import type { CallerLimits } from '../../shared/contract/caller-limits.ts'
import type { Operation, Priority } from '../../shared/contract/request.ts'
import type { SourceType } from '../../shared/contract/sources/sources.ts'

/** `admin` includes all other roles; each applies within the key's orgs and objects. */
export const ROLES = ['submit', 'read', 'approve', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** A caller and their permissions. */
export interface ApiKey {
  readonly name: string
  readonly roles: ReadonlySet<Role>
  readonly orgs: readonly string[] | '*'
  readonly objects: readonly string[] | '*'
  readonly operations: readonly Operation[]
  readonly sources: SourceRights | '*'
  readonly priorities: readonly Priority[]
  /** Maximum records of one request; null for the org's limit. */
  readonly maxRecords: number | null
  /** Maximum records of all its requests in an org within any hour; null for no own limit. */
  readonly recordsPerHour: number | null
  /** The same within any 24 hours. */
  readonly recordsPerDay: number | null
  readonly requestsPerMinute: number
}

/**
 * The source types that a key may use; others are denied. Types whose ids are on the workers' side
 * are restricted by name: `file` by folders or files, each an absolute path; `s3` by buckets or folders.
 */
export type SourceRights = { readonly [Type in SourceType]?: readonly string[] | '*' }

/** The `maxRecords` with which a request of this key is submitted: the key's own if it is lower. */
export function recordLimit({ maxRecords }: ApiKey, asked: number | null): number | null {
  if (asked === null || maxRecords === null) return asked ?? maxRecords
  return Math.min(asked, maxRecords)
}

/** The key's limits that the workers enforce; undefined if there are none. */
export function limitsOf(key: ApiKey): CallerLimits | undefined {
  const { recordsPerHour, recordsPerDay, sources } = key
  const { file = '*', s3 = '*' } = sources === '*' ? {} : sources
  const files = file === '*' ? null : file
  const objects = s3 === '*' ? {} : { objects: s3 }
  const isFree = recordsPerHour === null && recordsPerDay === null && files === null && s3 === '*'
  return isFree ? undefined : { recordsPerHour, recordsPerDay, files, ...objects }
}
