import type { ConfigProblem } from '../base/errors.ts'
import {
  BUILT_IN_OBJECTS,
  type DeletableObject,
  OBJECT_NAME,
  OBJECT_NAME_FORM,
} from '../contract/objects.ts'
import { DEFAULT_ORG, ORG_NAME } from '../contract/request.ts'
import type { Timeouts } from '../salesforce/connections.ts'
import type { Credentials } from '../salesforce/credentials.ts'
import type { YamlSection } from './config-file.ts'
import type { Environment } from './environment.ts'
import { readCredentials } from './salesforce.ts'
import { SETTINGS } from './schema.ts'
import { Settings, type Values, variablesOf } from './settings.ts'

/** One Salesforce org: its login and its limits. */
export interface OrgConfig extends Values<(typeof SETTINGS)['limits']> {
  readonly name: string
  /** Null if the process never calls Salesforce. */
  readonly credentials: Credentials | null
  /** 18 characters. If set, a login to any other org is refused. */
  readonly expectedOrgId: string | null
  /** `61.0` */
  readonly apiVersion: string
  /** Whether `hardDelete`, past the Recycle Bin, is allowed. Set only in the file. */
  readonly hardDelete: boolean
  /** How long Salesforce may be silent. Set only in the file. */
  readonly timeouts: Timeouts
}

/** The sources of every org's settings. */
interface OrgSources {
  readonly environment: Environment
  readonly file: YamlSection
  readonly salesforce: 'required' | 'none'
  readonly problems: ConfigProblem[]
  readonly warnings: string[]
}

/**
 * All orgs by name: those of the file, plus `default` if SALESFORCE_* variables are set or the file
 * has no org.
 */
export async function readOrgs(sources: OrgSources): Promise<ReadonlyMap<string, OrgConfig>> {
  const { environment, file, problems } = sources
  const all = file.section('orgs')
  const sections = new Map(all.sections())
  if (sections.size === 0 || givenLogin(environment).length > 0) {
    sections.set(DEFAULT_ORG, all.section(DEFAULT_ORG))
  }
  for (const name of sections.keys()) {
    const message = faultOfName(name, sections)
    if (message !== undefined) problems.push({ setting: all.nameOf(name), message })
  }
  const orgs = new Map<string, OrgConfig>()
  for (const [name, section] of sections) orgs.set(name, await readOrg(name, section, sources))
  return orgs
}

async function readOrg(
  name: string,
  section: YamlSection,
  { environment, file, salesforce, problems, warnings }: OrgSources,
): Promise<OrgConfig> {
  const limits = new Settings(
    SETTINGS.limits,
    [section, environment.source(SETTINGS.limits), file],
    problems,
  )
  const byVariables = name === DEFAULT_ORG && !section.has('salesforce')
  const where = byVariables ? 'SALESFORCE_*' : section.nameOf('salesforce')
  const source = byVariables
    ? environment.source(SETTINGS.salesforce)
    : section.section('salesforce')
  const login = new Settings(SETTINGS.salesforce, [source], problems)
  if (name === DEFAULT_ORG && !byVariables) refuseVariables(environment, where, problems)
  const credentials =
    salesforce === 'none' ? null : await readCredentials(login, where, (w) => warnings.push(w))
  const expectedOrgId = login.get('orgId') ?? null
  const apiVersion = login.get('apiVersion')
  const org = { name, credentials, expectedOrgId, apiVersion, ...limits.all() }
  const { hardDelete } = new Settings(SETTINGS.org, [section], problems).all()
  const timeouts = new Settings(SETTINGS.timeouts, [section.section('timeouts')], problems).all()
  const { connectMs: connect, responseMs: response, idleMs: idle } = timeouts
  return { ...org, hardDelete, timeouts: { connect, response, idle } }
}

/** Names of the login variables that are set. */
function givenLogin(environment: Environment): readonly string[] {
  return [...variablesOf(SETTINGS.salesforce).values()].filter((name) => environment.lookup(name))
}

function refuseVariables(environment: Environment, where: string, problems: ConfigProblem[]): void {
  const names = givenLogin(environment)
  if (names.length === 0) return
  const message = `the org "${DEFAULT_ORG}" has its login in ${where} too. Keep one of the two.`
  problems.push({ setting: names.join(', '), message })
}

function faultOfName(name: string, orgs: ReadonlyMap<string, unknown>): string | undefined {
  if (!ORG_NAME.test(name)) return 'expected 1 to 64 letters, digits, "_" or "-" as a name.'
  // An org's results are a folder, and file systems may ignore case.
  const isTwin = (other: string) => other < name && other.toLowerCase() === name.toLowerCase()
  const twin = orgs.keys().find(isTwin)
  return twin && `differs from ${twin} only in case.`
}

/**
 * The objects that may be deleted, by API name: the built-in ones and those of the file. A prefix
 * belongs to one object; otherwise an id would not show what it deletes.
 */
export function readObjects(
  section: YamlSection,
  problems: ConfigProblem[],
): ReadonlyMap<string, DeletableObject> {
  const objects = new Map(BUILT_IN_OBJECTS.map((object) => [object.name, object]))
  for (const [name, entry] of section.sections()) {
    const refuse = (message: string) => problems.push({ setting: section.nameOf(name), message })
    const { prefix } = new Settings(SETTINGS.object, [entry], problems).all()
    if (!OBJECT_NAME.test(name)) refuse(`expected ${OBJECT_NAME_FORM}.`)
    if (prefix === undefined) continue
    const owner = objects.values().find((object) => object.prefix === prefix)
    if (owner !== undefined && owner.name !== name) {
      refuse(`the prefix ${prefix} belongs to ${owner.name}. One prefix names one object.`)
    }
    const builtIn = objects.get(name)
    if (builtIn !== undefined && builtIn.prefix !== prefix) {
      refuse(`built in, with the prefix ${builtIn.prefix}, which cannot change.`)
    }
    objects.set(name, { name, prefix })
  }
  return objects
}
