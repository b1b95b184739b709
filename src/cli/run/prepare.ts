import { type Config, loadConfig, type OrgConfig } from '../../shared/config/config.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import { knownObject } from '../../shared/contract/known-object.ts'
import { UsageError } from '../cli.ts'
import type { Flags } from '../commands.ts'
import { type Input, originsOf, readInput } from '../input.ts'
import { chooseOrg, orgNamed } from '../org.ts'
import { placeOfResults } from '../receipt.ts'
import { toRequest } from '../request.ts'
import type { Screen } from '../screen.ts'

/** The checked command line. Nothing is started yet. */
interface Prepared {
  readonly input: Input
  /** The settings for this one deletion. */
  readonly config: Config
  readonly org: OrgConfig
  readonly terms: Omit<Parameters<typeof toRequest>[2], 'fileSeenByPlanner'>
}

/** @throws UsageError, ConfigError, RefusedError saying what to type instead */
export async function prepare(flags: Flags<'run'>, screen: Screen): Promise<Prepared> {
  const input = await readInput(flags, screen.stdin)
  assertConsent(flags, input, screen)
  const { config, org } = await prepareOrg(flags, screen)
  // Approval is always required, so that `--yes` does not make it another request. If the question
  // will be asked, it mentions the plan's unchecked ids.
  const acceptUnchecked = flags.acceptUnchecked ?? (screen.canAsk && !flags.yes)
  const terms = {
    org: org.name,
    approval: 'required',
    coalesce: false,
    acceptUnchecked,
  } as const
  // Reports wrong fields now; the flags are read again once it is known who plans.
  const { object } = toRequest(flags, input, { ...terms, fileSeenByPlanner: true })
  // A shared Redis knows which objects its org allows; the embedded server has only these settings.
  if (config.redis === null) knownObject(object, [...config.objects.keys()])
  return { input, org, terms, config: config.redis === null ? mayRead(input, config) : config }
}

/**
 * The settings with which a worker may also read the servers of the given URLs: the embedded server
 * has no other user than whoever typed it.
 */
function mayRead(input: Input, config: Config): Config {
  const given = originsOf(input).map((origin) => [origin, { headers: {} }] as const)
  const origins = new Map([...given, ...config.sources.origins])
  return { ...config, sources: { ...config.sources, origins } }
}

/**
 * The settings for this org alone.
 *
 * @param flags.orgId the Salesforce org that it has to be, if that is known
 * @throws UsageError, ConfigError
 */
export async function prepareOrg(
  flags: Pick<Flags<'run'>, 'org' | 'results'> & { readonly orgId?: string },
  screen: Screen,
): Promise<Pick<Prepared, 'config' | 'org'>> {
  const need = { redis: 'optional', salesforce: 'required', org: flags.org } as const
  const loaded = await loadConfig(screen.env, need)
  for (const warning of loaded.warnings) screen.say(warning)
  const named = orgNamed(loaded, chooseOrg(loaded, flags.org))
  const org = flags.orgId === undefined ? named : { ...named, expectedOrgId: flags.orgId }
  return { org, config: settingsFor(flags, loaded, org) }
}

/** A question needs a terminal to be answered. */
function assertConsent(flags: Flags<'run'>, input: Input, { canAsk }: Screen): void {
  if (flags.yes || flags.dryRun) return
  const ways = 'Add --yes to skip the confirmation, or --dry-run to see only the plan.'
  if (input.kind === 'stream' && input.name === 'stdin') {
    throw new UsageError(
      `the ids come from stdin, so the confirmation cannot be read from it. ${ways}`,
    )
  }
  if (!canAsk) throw new UsageError(`no terminal to confirm on. ${ways}`)
}

/** Restricts the configuration to this org. */
function settingsFor(
  { results }: Pick<Flags<'run'>, 'results'>,
  config: Config,
  org: OrgConfig,
): Config {
  return {
    ...config,
    orgs: new Map([[org.name, org]]),
    results: placeOfResults(config, { results }),
  }
}

/** Guard rails with a request's own limit of records, if that is higher. */
export function allowing(maxRecords: number | null, rails: GuardRails): GuardRails {
  return { ...rails, maxRecords: Math.max(rails.maxRecords, maxRecords ?? 0) }
}
