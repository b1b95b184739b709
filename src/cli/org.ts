import type { Config, OrgConfig } from '../shared/config/config.ts'
import { DEFAULT_ORG } from '../shared/contract/request.ts'
import { UsageError } from './exit.ts'

/**
 * The name of the org that is meant: the one named, else `default`, else the only one there is.
 *
 * @throws UsageError listing the orgs where none of that leads to one
 */
export function chooseOrg({ orgs }: Pick<Config, 'orgs'>, named: string | undefined): string {
  if (named !== undefined) return named
  const [only, another] = orgs.keys()
  if (orgs.has(DEFAULT_ORG) || only === undefined) return DEFAULT_ORG
  if (another === undefined) return only
  throw new UsageError(`Which org? Name one with --org: ${[...orgs.keys()].join(', ')}.`)
}

/** The settings of an org. @throws UsageError listing the orgs where the configuration has no such */
export function orgNamed({ orgs }: Pick<Config, 'orgs'>, name: string): OrgConfig {
  const org = orgs.get(name)
  if (org !== undefined) return org
  throw new UsageError(`--org: expected one of ${[...orgs.keys()].join(', ')}, got ${name}.`)
}
