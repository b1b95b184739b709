import type { Cli } from '../cli.ts'
import { UsageError } from '../exit.ts'
import { type OrgHere, visit } from '../look/visit.ts'

/**
 * A visit to an org that exists: a pause under a mistyped name would hold nothing up.
 *
 * @throws UsageError where neither the configuration nor Redis knows the org
 */
export function visitOrg<T>(
  cli: Cli,
  named: string | undefined,
  verb: 'pause' | 'show',
  look: (place: OrgHere) => Promise<T>,
): Promise<T> {
  return visit(cli, named === undefined ? {} : { org: named }, async (place, home) => {
    if (place === null) {
      throw new UsageError(
        `There is nothing to ${verb}: ${home} has never had a request, and REDIS_URL is not set.`,
      )
    }
    if (!(await isKnown(place))) {
      const known = [...place.config.orgs.keys()].join(', ')
      throw new UsageError(
        `--org: neither the configuration (${known}) nor Redis knows an org ${place.org}.`,
      )
    }
    return look(place)
  })
}

async function isKnown({ config, org, store: { ledger, redis } }: OrgHere): Promise<boolean> {
  if (config.orgs.has(org)) return true
  const { identity, requests } = ledger.keys
  return (await redis.exists(identity, requests)) > 0
}
