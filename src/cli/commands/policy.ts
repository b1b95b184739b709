import { railsOf } from '../../shared/config/config.ts'
import { type GuardRails, railChanges, railsBySetting } from '../../shared/contract/guard-rails.ts'
import type { Ledger } from '../../shared/store/ledger/ledger.ts'
import { actorOf, type Cli, EXIT, type ExitCode, UsageError } from '../cli.ts'
import { commandFor } from '../command-line.ts'
import type { Flags } from '../commands.ts'
import { assertCanConfirm, confirm } from '../confirm.ts'
import { type OpenOrg, withKnownOrg } from '../org.ts'
import { columns } from '../render/format.ts'
import { railWords } from '../render/org.ts'
import type { Style } from '../styled-text.ts'

/**
 * Shows the guard rails of an org; with `--apply`, sets them to those of this configuration.
 * Requests accepted before keep theirs.
 */
export function policy(flags: Flags<'policy'>, cli: Cli): Promise<ExitCode> {
  if (flags.apply) assertCanConfirm(flags, cli.screen, 'apply')
  return withKnownOrg(cli, flags, 'show', async (open) => {
    const known = await open.store.ledger.rails()
    const here = railsHere(open)
    return flags.apply
      ? apply({ open, known, here, flags, cli })
      : show({ open, known, here, flags, cli })
  })
}

interface Looking {
  readonly open: OpenOrg
  /** Null if no worker has worked for the org yet. */
  readonly known: Awaited<ReturnType<Ledger['rails']>>
  /** Null if the configuration does not have the org. */
  readonly here: GuardRails | null
  readonly flags: Flags<'policy'>
  readonly cli: Cli
}

function railsHere({ config, org }: OpenOrg): GuardRails | null {
  const own = config.orgs.get(org)
  return own === undefined ? null : railsOf(config, own)
}

function show({ open: { org }, known, here, flags, cli: { screen } }: Looking): ExitCode {
  if (flags.json) {
    const { rails = null, setBy = null } = known ?? {}
    screen.answerJson({ org, rails, setBy, configuration: here })
    return EXIT.ok
  }
  if (known === null) {
    screen.say(
      `Org "${org}" has no guard rails yet. The first worker sets those of its configuration.`,
    )
    return EXIT.ok
  }
  screen.answer(railsTable(known.rails, here, screen.answerStyle))
  if (known.setBy !== null) screen.say(`Set by ${known.setBy.actor} at ${known.setBy.at}.`)
  if (here !== null && railChanges(known.rails, here).length > 0) {
    screen.say(
      `To replace them with those of this configuration:\n  ${commandFor('policy --apply', { org })}`,
    )
  }
  return EXIT.ok
}

async function apply({ open, known, here, flags, cli }: Looking): Promise<ExitCode> {
  const { screen } = cli
  const { org, store } = open
  if (here === null) {
    throw new UsageError(`--apply: the configuration has no org ${org}.`)
  }
  const changes = known === null ? [] : railChanges(known.rails, here)
  if (known !== null && changes.length === 0) {
    screen.say(`The guard rails of org "${org}" already match this configuration.`)
    return EXIT.ok
  }
  screen.say(railsTable(known?.rails ?? here, here, screen.sayStyle))
  const question = `Replace the guard rails of org "${org}" for all processes?`
  if (!flags.yes && !(await confirm(cli, question, 'apply'))) {
    screen.say('Nothing was changed.')
    return EXIT.usage
  }
  const by = { actor: actorOf(screen.env), reason: flags.reason ?? null }
  if ((await store.ledger.changeRails({ from: known, to: here, by })) === 'other') {
    throw new UsageError(
      'somebody else changed the guard rails meanwhile. Run `expunge policy` again.',
    )
  }
  if (flags.json) screen.answerJson({ org, rails: here })
  screen.say(
    `The guard rails of org "${org}" are set. They apply to requests accepted from now on.`,
  )
  return EXIT.ok
}

/** The guard rails of an org, with this configuration's beside them where they differ. */
function railsTable(rails: GuardRails, here: GuardRails | null, style: Style): string {
  const others = new Map(
    railChanges(rails, here ?? rails).map(({ setting, after }) => [setting, after]),
  )
  const rows = railsBySetting(rails).map(([setting, value]) =>
    others.has(setting)
      ? [setting, railWords(value), style('yellow', railWords(others.get(setting)))]
      : [setting, railWords(value), ''],
  )
  return columns(rows, { head: ['', 'org', others.size > 0 ? 'this configuration' : ''] })
}
