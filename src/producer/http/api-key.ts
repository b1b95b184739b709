import type { CallerLimits } from '../../shared/contract/caller-limits.ts'
import type { Operation, Priority } from '../../shared/contract/request.ts'
import type { SourceType } from '../../shared/contract/sources/sources.ts'

/** `admin` has all the others; each counts within the key's orgs and objects. */
export const ROLES = ['submit', 'read', 'approve', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** Who calls, and what they may do. */
export interface ApiKey {
  readonly name: string
  readonly roles: ReadonlySet<Role>
  readonly orgs: readonly string[] | '*'
  readonly objects: readonly string[] | '*'
  readonly operations: readonly Operation[]
  readonly sources: SourceRights | '*'
  readonly priorities: readonly Priority[]
  /** Of one request; null: as many as the org allows. */
  readonly maxRecords: number | null
  /** Of all its requests in an org within any hour; null: as many as the org allows. */
  readonly recordsPerHour: number | null
  /** The same within any 24 hours. */
  readonly recordsPerDay: number | null
  readonly requestsPerMinute: number
}

/**
 * The types of source that a key may name; others are denied. Those whose ids lie
 * with the workers are narrowed by name: `file` by folders or files, each an absolute path.
 */
export type SourceRights = { readonly [Type in SourceType]?: readonly string[] | '*' }

/** The `maxRecords` that a request of this key is submitted with: its own where that is lower. */
export function recordLimit({ maxRecords }: ApiKey, asked: number | null): number | null {
  if (asked === null || maxRecords === null) return asked ?? maxRecords
  return Math.min(asked, maxRecords)
}

/** What of the key's rights the workers enforce; undefined where that is nothing. */
export function limitsOf(key: ApiKey): CallerLimits | undefined {
  const { recordsPerHour, recordsPerDay, sources } = key
  const { file = '*' } = sources === '*' ? {} : sources
  const files = file === '*' ? null : file
  const isFree = recordsPerHour === null && recordsPerDay === null && files === null
  return isFree ? undefined : { recordsPerHour, recordsPerDay, files }
}
