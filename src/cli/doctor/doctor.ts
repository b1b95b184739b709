import { ConfigError } from '../../shared/base/errors.ts'
import { type Config, loadConfig } from '../../shared/config/config.ts'
import { openOrgStore } from '../../shared/store/org-store.ts'
import { type Cli, EXIT, type ExitCode } from '../cli.ts'
import type { Flags } from '../commands.ts'
import { type Finding, fail, findingLines, ok, warn } from './finding.ts'
import { checkRedis } from './redis.ts'
import { checkResults } from './results.ts'
import { checkOrg } from './salesforce.ts'
import { checkQueues, checkRails, checkWaiting } from './store.ts'

/** Checks everything that a deletion needs and changes nothing. */
export async function doctor(flags: Flags<'doctor'>, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  const findings = [ok('Node', process.versions.node), ...(await checkAll(cli))]
  if (flags.json) screen.answerJson(findings)
  else screen.answer(findingLines(findings, screen.answerStyle))
  return findings.some(({ verdict }) => verdict === 'fail') ? EXIT.usage : EXIT.ok
}

async function checkAll({ screen }: Cli): Promise<readonly Finding[]> {
  await using opened = new AsyncDisposableStack()
  try {
    const config = await loadConfig(screen.env, { redis: 'optional', salesforce: 'required' })
    return await checkParts(config, { screen, opened })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ setting, message }) => fail('Settings', `${setting}: ${message}`))
  }
}

async function checkParts(
  config: Config,
  { screen, opened }: { screen: Cli['screen']; opened: AsyncDisposableStack },
): Promise<readonly Finding[]> {
  const redis = await checkRedis(config, screen, opened)
  const { client } = redis
  const embedded = config.redis === null
  const stores = [...config.orgs.keys()].flatMap((org) =>
    client === null ? [] : [openOrgStore(client, org, () => {})],
  )
  for (const store of stores) opened.defer(() => store.close())
  const orgs = [...config.orgs.values()].map((org) =>
    checkOrg(org, config, stores.find((store) => store.org === org.name) ?? null),
  )
  return [
    ...checkSettings(config),
    ...redis.findings,
    ...(await Promise.all(orgs)).flat(),
    ...(await Promise.all(stores.map((store) => checkWaiting(store, embedded)))).flat(),
    ...(await Promise.all(stores.map(checkQueues))).flat(),
    ...(await Promise.all(stores.map((store) => checkRails(config, store)))).flat(),
    await checkResults(config, stores),
  ]
}

function checkSettings({ warnings, orgs }: Config): readonly Finding[] {
  if (warnings.length > 0) {
    return warnings.map((text) => warn('Settings', text, 'See docs/configuration.md.'))
  }
  return [ok('Settings', orgs.size === 1 ? 'complete' : `complete, ${orgs.size} orgs`)]
}
