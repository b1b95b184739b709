import { ConfigError } from '../../shared/base/errors.ts'
import { type Config, loadConfig } from '../../shared/config/config.ts'
import { knownObject } from '../../shared/contract/known-object.ts'
import { openOrgStore } from '../../shared/store/org-store.ts'
import { type Cli, EXIT, type ExitCode, UsageError } from '../cli.ts'
import type { Flags } from '../commands.ts'
import { chooseOrg, orgNamed } from '../org.ts'
import { checkBuckets } from './buckets.ts'
import { checkConnections } from './connections.ts'
import { type Finding, fail, findingLines, ok, warn } from './finding.ts'
import { checkOrigins } from './origins.ts'
import { checkRedis } from './redis.ts'
import { checkResults } from './results.ts'
import { type AskedOfOrg, checkOrg } from './salesforce.ts'
import { checkQueues, checkQuota, checkRails, checkWaiting } from './store.ts'

/** Checks everything that a deletion needs and changes nothing. */
export async function doctor(flags: Flags<'doctor'>, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  const findings = [ok('Node', process.versions.node), ...(await checkAll(flags, cli))]
  if (flags.json) screen.answerJson(findings)
  else screen.answer(findingLines(findings, screen.answerStyle))
  return findings.some(({ verdict }) => verdict === 'fail') ? EXIT.usage : EXIT.ok
}

async function checkAll(flags: Flags<'doctor'>, { screen }: Cli): Promise<readonly Finding[]> {
  await using opened = new AsyncDisposableStack()
  try {
    const need = { redis: 'optional', salesforce: 'required', org: flags.org } as const
    const loaded = await loadConfig(screen.env, need)
    const asked = askedBy(flags, loaded)
    const config = flags.org === undefined ? loaded : onlyOrg(loaded, flags.org)
    return await checkParts(config, { screen, opened, asked })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ setting, message }) => fail('Settings', `${setting}: ${message}`))
  }
}

function askedBy({ object, hardDelete }: Flags<'doctor'>, { objects }: Config): AskedOfOrg {
  if (object === undefined) {
    if (hardDelete) throw new UsageError('--hard-delete requires --object.')
    return null
  }
  const name = knownObject(object, [...objects.keys()])
  const { prefix = '' } = objects.get(name) ?? {}
  return { object: { name, prefix }, hardDelete: hardDelete === true }
}

function onlyOrg(config: Config, named: string): Config {
  const org = orgNamed(config, chooseOrg(config, named))
  return { ...config, orgs: new Map([[org.name, org]]) }
}

interface Checking {
  readonly screen: Cli['screen']
  readonly opened: AsyncDisposableStack
  readonly asked: AskedOfOrg
}

async function checkParts(
  config: Config,
  { screen, opened, asked }: Checking,
): Promise<readonly Finding[]> {
  const redis = await checkRedis(config, screen, opened)
  const { client } = redis
  const embedded = config.redis === null
  const stores = [...config.orgs.keys()].flatMap((org) =>
    client === null ? [] : [openOrgStore(client, org, () => {})],
  )
  for (const store of stores) opened.defer(() => store.close())
  const orgs = [...config.orgs.values()].map((org) =>
    checkOrg(org, config, {
      store: stores.find(({ org: name }) => name === org.name) ?? null,
      asked,
    }),
  )
  return [
    ...checkSettings(config),
    ...redis.findings,
    ...(await Promise.all(orgs)).flat(),
    ...(await Promise.all(stores.map((store) => checkWaiting(store, embedded)))).flat(),
    ...(await Promise.all(stores.map(checkQuota))).flat(),
    ...(await Promise.all(stores.map(checkQueues))).flat(),
    ...(await Promise.all(stores.map((store) => checkRails(config, store)))).flat(),
    await checkResults(config, stores),
    ...(await checkOrigins(config)),
    ...(await checkConnections(config)),
    ...(await checkBuckets(config)),
  ]
}

function checkSettings({ warnings, orgs }: Config): readonly Finding[] {
  if (warnings.length > 0) {
    return warnings.map((text) => warn('Settings', text, 'See docs/configuration.md.'))
  }
  return [ok('Settings', orgs.size === 1 ? 'complete' : `complete, ${orgs.size} orgs`)]
}
