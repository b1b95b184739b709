import type { Config } from '../../shared/config/config.ts'
import { railsOf } from '../../shared/config/guard-rails.ts'
import { railChanges } from '../../shared/contract/guard-rails.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { commandFor } from '../commandline.ts'
import { railWords } from '../render/rails.ts'
import { type Finding, failed, ok, warn } from './finding.ts'

/** Whether this configuration's guard rails are those that the org's requests are held to. */
export async function checkRails(
  config: Config,
  { org, ledger }: OrgStore,
): Promise<readonly Finding[]> {
  const check = config.orgs.size === 1 ? 'Guard rails' : `Guard rails (${org})`
  const own = config.orgs.get(org)
  // On a server of this machine alone each run's configuration counts.
  if (own === undefined || config.redis === null) return []
  try {
    const known = await ledger.rails()
    if (known === null) return [ok(check, 'none in Redis yet: the first worker brings its own')]
    const changes = railChanges(known.rails, railsOf(config, own))
    if (changes.length === 0) return [ok(check, 'as in Redis')]
    const advice = `Look at them with ${commandFor('policy', { org })}; --apply sets the org's to these.`
    return changes.map(({ setting, before, after }) =>
      warn(check, `${setting} is ${railWords(before)} in Redis, here ${railWords(after)}`, advice),
    )
  } catch (error) {
    return [failed(check, error)]
  }
}
