import type { GuardRails } from '../contract/guard-rails.ts'
import type { Config } from './config.ts'
import type { OrgConfig } from './orgs.ts'

/** The guard rails that a configuration has for one of its orgs. */
export function railsOf(
  { objects, files, retentionDays, idempotencyDays, audit }: Config,
  { maxRecords, approvalAbove, canary, hardDelete }: OrgConfig,
): GuardRails {
  return {
    ...{ maxRecords, approvalAbove, canary, hardDelete },
    ...{ retentionDays, idempotencyDays },
    objects: Object.fromEntries([...objects.values()].map(({ name, prefix }) => [name, prefix])),
    fileRoots: files.roots,
    fileBase: files.roots[0] ?? null,
    keepDeleted: audit.keepDeleted,
  }
}
