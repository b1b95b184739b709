import { type Config, loadConfig, type OrgConfig } from '../../shared/config/config.ts'
import { loginFile, readStoredLogin } from '../../shared/config/logins.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import { listSf } from '../../shared/salesforce/sf-cli.ts'
import { type Cli, EXIT, type ExitCode } from '../cli.ts'
import type { Flags } from '../commands.ts'
import { columns } from '../render/format.ts'
import { kindOfOrg } from '../render/org.ts'

/** An org that commands accept, and where its login comes from. */
interface KnownOrg {
  readonly org: string
  readonly login: OrgConfig['login']
  readonly orgId: string | null
  /** `sandbox` or `PRODUCTION`, if it is stored. */
  readonly kind: string | null
  readonly user: string | null
  readonly host: string | null
}

/** Lists the orgs of the configuration, of stored logins and of the `sf` CLI. No secret is read. */
export async function orgs(flags: Flags<'orgs'>, { screen }: Cli): Promise<ExitCode> {
  const config = await loadConfig(screen.env, { redis: 'optional', salesforce: 'none' })
  const own = await Promise.all([...config.orgs.values()].map((org) => described(org, config)))
  const configured = own.filter(({ login }) => login !== 'none')
  const taken = new Set(configured.map(({ org }) => org))
  const ofSf = (await orgsOfSf(screen)).filter(({ org }) => !taken.has(org))
  const known = [...configured, ...ofSf]
  if (flags.json) screen.answerJson(known)
  else if (known.length > 0) screen.answer(table(known))
  else screen.say('No org is known. Log in to one: expunge login')
  return EXIT.ok
}

async function described(org: OrgConfig, { home }: Config): Promise<KnownOrg> {
  const { name, login, expectedOrgId: orgId } = org
  const plain = { org: name, login, orgId, kind: null, user: null, host: null }
  if (login !== 'stored') return plain
  const stored = await readStoredLogin(loginFile(home, name))
  if ('fault' in stored) return { ...plain, kind: `its file ${stored.fault}` }
  const { seen, salesforce } = stored
  const kind = kindOfOrg(seen)
  return {
    ...plain,
    orgId: salesforce['orgId'] ?? orgId,
    kind,
    user: seen.username,
    host: seen.host,
  }
}

async function orgsOfSf({ env, warn }: Cli['screen']): Promise<readonly KnownOrg[]> {
  try {
    return (await listSf(env)).map(({ name, orgId, username: user, host }) => ({
      ...{ org: name, login: 'sf', orgId, kind: null, user, host },
    }))
  } catch (error) {
    if (!(error instanceof SalesforceError)) throw error
    // Most machines have no sf, so that needs no warning.
    if (error.code !== 'SF_NOT_FOUND') warn(error.message)
    return []
  }
}

const PLACES: Readonly<Record<OrgConfig['login'], string>> = {
  environment: 'environment',
  file: 'configuration file',
  stored: 'expunge login',
  sf: 'sf CLI',
  none: 'none',
}

function table(known: readonly KnownOrg[]): string {
  const rows = known.map(({ org, login, orgId, kind, user, host }) => [
    ...[org, PLACES[login], orgId ?? '-', kind ?? '-', user ?? host ?? '-'],
  ])
  return columns([['ORG', 'LOGIN', 'ORG ID', 'KIND', 'USER'], ...rows])
}
