import type { ConfigProblem } from '../base/errors.ts'
import { isSameObject } from '../contract/known-object.ts'
import {
  BUILT_IN_OBJECTS,
  type DeletableObject,
  OBJECT_NAME,
  OBJECT_NAME_FORM,
} from '../contract/objects.ts'
import { DEFAULT_ORG, ORG_NAME } from '../contract/org-name.ts'
import type { Timeouts } from '../salesforce/connections.ts'
import type { Credentials } from '../salesforce/credentials.ts'
import { SF_ORG } from '../salesforce/sf-cli.ts'
import type { YamlSection } from './config-file.ts'
import type { Environment, Variables } from './environment.ts'
import { exposureOf, loginFile, loginSource, readStoredLogin, storedLogins } from './logins.ts'
import { hasLogin, readCredentials } from './salesforce.ts'
import { SETTINGS } from './schema.ts'
import { type SettingSource, Settings, type Values, variablesOf } from './settings.ts'

/** One Salesforce org: its login and its limits. */
export interface OrgConfig extends Values<(typeof SETTINGS)['limits']> {
  readonly name: string
  /** Where its login is given, if anywhere. */
  readonly login: LoginPlace['kind']
  /** Null if the process never calls Salesforce. */
  readonly credentials: Credentials | null
  /** 18 characters. If set, a login to any other org is refused. */
  readonly expectedOrgId: string | null
  /** `61.0` */
  readonly apiVersion: string
  /** Whether `hardDelete`, past the Recycle Bin, is allowed. Set only in the file. */
  readonly hardDelete: boolean
  /** Percent of its daily allowances that are left to its other users. */
  readonly quotaReserve: Values<(typeof SETTINGS)['quotaReserve']>
  /** How long Salesforce may be silent. Set only in the file. */
  readonly timeouts: Timeouts
}

/** The sources of every org's settings. */
interface OrgSources {
  readonly environment: Environment
  readonly env: Variables
  readonly file: YamlSection
  /** EXPUNGE_HOME, which has the stored logins. */
  readonly home: string
  readonly salesforce: 'required' | 'none'
  /** The one org that the command is for, if it names one: the login of no other is read. */
  readonly target: string | undefined
  /** The orgs that the command is for, if it names any: the login of no other is read. */
  readonly chosen: readonly string[] | undefined
  readonly problems: ConfigProblem[]
  readonly warnings: string[]
}

/**
 * All orgs by name: those of the file; `default` if SALESFORCE_* variables are set; those with a
 * stored login; else the target, as an org of the `sf` CLI; `default` if there is none at all.
 */
export async function readOrgs(sources: OrgSources): Promise<ReadonlyMap<string, OrgConfig>> {
  const { environment, file, home, problems, target } = sources
  const all = file.section('orgs')
  const sections = new Map(all.sections())
  const { names, fault } = await storedLogins(home)
  const stored = new Set(names)
  const add = (name: string) => sections.set(name, sections.get(name) ?? all.section(name))
  const isAlone = stored.size === 0 && target === undefined
  if (hasLogin(environment) || (isAlone && givenLogin(environment).length > 0)) add(DEFAULT_ORG)
  for (const name of stored) add(name)
  const name = target === undefined ? undefined : orgNameOf(target)
  if (name !== undefined && sources.salesforce === 'required') add(name)
  if (fault !== null) {
    const isNeeded = sources.salesforce === 'required' && sections.size === 0
    if (isNeeded) problems.push({ setting: 'EXPUNGE_HOME', message: fault })
    else sources.warnings.push(fault)
  }
  if (sections.size === 0) add(DEFAULT_ORG)
  for (const name of sections.keys()) {
    const message = faultOfName(name, sections)
    if (message !== undefined) problems.push({ setting: all.nameOf(name), message })
  }
  refuseUnknown(sources, [...sections.keys()])
  const orgs = new Map<string, OrgConfig>()
  for (const [one, section] of sections) {
    const isChosen = sources.chosen?.includes(one) ?? true
    // The settings of the others are read all the same, so that a wrong one is reported.
    const own = isChosen ? sources : { ...sources, salesforce: 'none' as const }
    const login = await loginOf(one, section, stored.has(one), own)
    const org = await readOrg(one, section, login, own)
    if (isChosen) orgs.set(one, org)
  }
  return orgs
}

function refuseUnknown({ chosen = [], problems }: OrgSources, known: readonly string[]): void {
  for (const name of chosen) {
    if (known.includes(name)) continue
    const message = `expected an org of the configuration (${known.join(', ')}), got ${name}.`
    problems.push({ setting: '--org', message })
  }
}

/**
 * The name of an org that `--target-org` names: as it is, or, for a username of the `sf` CLI, with
 * the characters replaced that a name does not have.
 */
export function orgNameOf(target: string): string {
  return SF_ORG.test(target) ? target.replaceAll(/[.@+]/g, '_').slice(0, 64) : target
}

/** Where the login of an org is. */
interface LoginPlace {
  readonly kind: 'environment' | 'file' | 'stored' | 'sf' | 'none'
  /** The user's name for the place. */
  readonly where: string
  readonly sources: readonly SettingSource[]
}

/** The first of: the environment, the configuration file, the stored login, the `sf` CLI. */
async function loginOf(
  name: string,
  section: YamlSection,
  isStored: boolean,
  { environment, home, target, problems, warnings, salesforce }: OrgSources,
): Promise<LoginPlace> {
  const variables = environment.source(SETTINGS.salesforce)
  const isInFile = section.has('salesforce')
  // Asks for it in any case: a section of the file learns its valid keys this way.
  const ofFile = section.section('salesforce')
  const where = section.nameOf('salesforce')
  if (isInFile) {
    if (name === DEFAULT_ORG) refuseVariables(environment, where, problems)
    return { kind: 'file', where, sources: [ofFile] }
  }
  if (name === DEFAULT_ORG && hasLogin(environment)) {
    return { kind: 'environment', where: 'SALESFORCE_*', sources: [variables] }
  }
  // An org id or an API version in the environment is for `default`, wherever its login is.
  const others = name === DEFAULT_ORG ? [variables] : []
  if (isStored) {
    const file = loginFile(home, name)
    const place = { kind: 'stored', where: file } as const
    if (salesforce === 'none') return { ...place, sources: others }
    const stored = await readStoredLogin(file)
    if ('fault' in stored) {
      const message = `the stored login ${stored.fault}. Store it again: expunge login --org ${name}`
      problems.push({ setting: file, message })
      return { ...place, sources: [ofFile] }
    }
    const exposure = await exposureOf(file)
    if (exposure !== null) warnings.push(exposure)
    return { ...place, sources: [...others, loginSource(stored, file)] }
  }
  if (name === DEFAULT_ORG) return { kind: 'none', where: 'SALESFORCE_*', sources: [variables] }
  if (target === undefined || orgNameOf(target) !== name) {
    return { kind: 'none', where, sources: [ofFile] }
  }
  const flag = '--target-org'
  return {
    kind: 'sf',
    where: flag,
    sources: [loginSource({ salesforce: { targetOrg: target } }, flag)],
  }
}

async function readOrg(
  name: string,
  section: YamlSection,
  { kind, where, sources }: LoginPlace,
  { environment, env, file, salesforce, target, problems, warnings }: OrgSources,
): Promise<OrgConfig> {
  const limits = new Settings(
    SETTINGS.limits,
    [section, environment.source(SETTINGS.limits), file],
    problems,
  )
  const settings = new Settings(SETTINGS.salesforce, sources, problems)
  const isMeant = target === undefined || orgNameOf(target) === name
  const warn = (text: string) => warnings.push(text)
  const credentials =
    salesforce === 'none' || !isMeant ? null : await readCredentials(settings, where, { env, warn })
  const expectedOrgId = settings.get('orgId') ?? null
  const apiVersion = settings.get('apiVersion')
  const org = { name, login: kind, credentials, expectedOrgId, apiVersion, ...limits.all() }
  const { hardDelete } = new Settings(SETTINGS.org, [section], problems).all()
  const timeouts = new Settings(SETTINGS.timeouts, [section.section('timeouts')], problems).all()
  const { connectMs: connect, responseMs: response, idleMs: idle } = timeouts
  const quotaReserve = new Settings(
    SETTINGS.quotaReserve,
    [
      section.section('quotaReserve'),
      environment.source(SETTINGS.quotaReserve),
      file.section('quotaReserve'),
    ],
    problems,
  ).all()
  return { ...org, hardDelete, quotaReserve, timeouts: { connect, response, idle } }
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
 * belongs to one object; otherwise an id would not show what it deletes. An object without a prefix
 * has an empty one: each org is asked for its own.
 */
export function readObjects(
  section: YamlSection,
  problems: ConfigProblem[],
): ReadonlyMap<string, DeletableObject> {
  const objects = new Map(BUILT_IN_OBJECTS.map((object) => [object.name, object]))
  for (const [name, entry] of section.sections()) {
    const refuse = (message: string) => problems.push({ setting: section.nameOf(name), message })
    const settings = new Settings(SETTINGS.object, [entry], problems)
    const builtIn = objects.get(name)
    const { prefix = builtIn?.prefix ?? '' } = settings.all()
    if (!OBJECT_NAME.test(name)) refuse(`expected ${OBJECT_NAME_FORM}.`)
    const owner = objects.values().find((object) => prefix !== '' && object.prefix === prefix)
    if (owner !== undefined && owner.name !== name) {
      refuse(`the prefix ${prefix} belongs to ${owner.name}. One prefix names one object.`)
    }
    const twin = objects.keys().find((other) => other !== name && isSameObject(other, name))
    if (twin !== undefined && twin !== owner?.name) refuse(`differs from ${twin} only in case.`)
    if (builtIn !== undefined && builtIn.prefix !== prefix) {
      refuse(`built in, with the prefix ${builtIn.prefix}, which cannot change.`)
    }
    objects.set(name, { name, prefix })
  }
  return objects
}
