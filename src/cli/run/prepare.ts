import { resolve } from 'node:path'
import { type Config, loadConfig, type OrgConfig } from '../../shared/config/config.ts'
import { UsageError } from '../exit.ts'
import { type Input, type RequestTerms, readInput, toRequest } from '../input.ts'
import { chooseOrg, orgNamed } from '../org.ts'
import type { Screen } from '../screen.ts'
import type { RunFlags } from './flags.ts'

/** What was typed, looked at: nothing is started yet, and nothing can be wrong with it any more. */
export interface Prepared {
  readonly input: Input
  /** Of this one deletion. */
  readonly config: Config
  readonly org: OrgConfig
  readonly terms: Omit<RequestTerms, 'fileSeenByPlanner'>
}

/** @throws UsageError, ConfigError, RefusedError saying what to type instead */
export async function prepare(flags: RunFlags, screen: Screen): Promise<Prepared> {
  const input = await readInput(flags, screen.stdin)
  assertConsent(flags, input, screen)
  const loaded = await loadConfig(screen.env, { redis: 'optional', salesforce: 'required' })
  for (const warning of loaded.warnings) screen.say(warning)
  const org = orgNamed(loaded, chooseOrg(loaded, flags.org))
  // Always asked for: whether --yes was typed must not make it another request.
  // Where the question will be asked, it names the unchecked ids of the plan.
  const acceptUnchecked = flags.acceptUnchecked ?? (screen.canAsk && !flags.yes)
  const terms = {
    org: org.name,
    approval: 'required',
    coalesce: false,
    acceptUnchecked,
  } as const
  // Wrong fields are told now; the flags are read again when it is known who plans.
  toRequest(flags, input, { ...terms, fileSeenByPlanner: true })
  return { input, org, terms, config: settingsFor(flags, loaded, org) }
}

/** A question needs somebody to answer it. */
function assertConsent(flags: RunFlags, input: Input, { canAsk }: Screen): void {
  if (flags.yes || flags.dryRun) return
  const ways = 'Add --yes to delete without asking, or --dry-run to see the plan.'
  if (input.kind === 'stream' && input.name === 'stdin') {
    throw new UsageError(`stdin carries the ids, so the question cannot be answered there. ${ways}`)
  }
  if (!canAsk) throw new UsageError(`there is no terminal to ask on. ${ways}`)
}

/** No other org is touched. */
function settingsFor({ results }: RunFlags, config: Config, org: OrgConfig): Config {
  return {
    ...config,
    orgs: new Map([[org.name, org]]),
    results: results === undefined ? config.results : { kind: 'directory', path: resolve(results) },
  }
}

/**
 * Nobody else works with the embedded server, so what a killed run has left locked is nobody's: it is
 * taken up after seconds. A lock that is lost to a long pause costs no more than a hand-over to itself.
 */
export function workingAlone(config: Config): Config {
  const { lockMs, stalledMs } = config.worker
  return {
    ...config,
    worker: {
      ...config.worker,
      lockMs: Math.min(lockMs, 5000),
      stalledMs: Math.min(stalledMs, 1000),
    },
  }
}
