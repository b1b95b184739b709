import type { Config, OrgConfig } from '../../shared/config/config.ts'
import { railsOf } from '../../shared/config/guard-rails.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { type Input, rootOf } from '../input.ts'
import type { RedisHere } from '../redis.ts'

/** What a run has that bears upon its guard rails. */
interface Running {
  readonly config: Config
  readonly org: OrgConfig
  readonly redis: Pick<RedisHere, 'embedded'>
  readonly input: Input
  readonly flags: { readonly maxRecords?: number }
}

/**
 * What the request of a run is held to. On a Redis that others work with these are the org's own
 * guard rails, however few settings the run has; on the embedded server its configuration counts,
 * and the folder of the file that was typed. A limit that was typed is an operator's word, and may
 * be higher than the org's, for this request alone.
 */
export async function guardsFor(running: Running, store: OrgStore): Promise<GuardRails> {
  const { config, org, redis, input, flags } = running
  const own = railsOf(config, org)
  const rails = redis.embedded
    ? { ...own, ...readable(config, input) }
    : ((await store.ledger.rails())?.rails ?? own)
  return { ...rails, maxRecords: Math.max(rails.maxRecords, flags.maxRecords ?? 0) }
}

function readable(config: Config, input: Input): Pick<GuardRails, 'fileRoots' | 'fileBase'> {
  const fileRoots = readableFolders(config, input)
  return { fileRoots, fileBase: fileRoots[0] ?? null }
}

/** Folders of which this process may read, the one of the file that was typed among them. */
export function readableFolders({ files }: Config, input: Input): readonly string[] {
  const root = rootOf(input)
  return root === null ? files.roots : [...files.roots, root]
}
