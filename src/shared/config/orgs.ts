import type { ConfigProblem } from '../base/errors.ts'
import { canonicalId, to18 } from '../contract/record-id.ts'
import { DEFAULT_ORG, ORG_NAME } from '../contract/request.ts'
import { DEFAULT_TIMEOUTS, type Timeouts } from '../salesforce/connections.ts'
import type { Credentials } from '../salesforce/credentials.ts'
import type { Environment } from './environment.ts'
import { knowKeys, readCredentials } from './salesforce.ts'
import { Settings, type ValueForm } from './settings.ts'
import type { YamlSection } from './yaml-section.ts'

/** One Salesforce org: how to log in, and how much may be asked of it. */
export interface OrgConfig {
  readonly name: string
  /** Null where the process never talks to Salesforce. */
  readonly credentials: Credentials | null
  /** 18 characters. If set, a login to any other org is refused. */
  readonly expectedOrgId: string | null
  /** `61.0` */
  readonly apiVersion: string
  /** Of one ingest job's CSV. */
  readonly maxJobBytes: number
  /** Of one ingest job; null: as many as its bytes hold. */
  readonly maxJobRecords: number | null
  /** Ingest jobs at work at once, over all workers. */
  readonly maxInFlight: number
  /** On top of them, for priority `high` alone. */
  readonly urgentInFlight: number
  /** Of one request. */
  readonly maxRecords: number
  /** Plans above so many records wait for approval, whatever the request says; null: none. */
  readonly approvalAbove: number | null
  /** Records of the first chunk that a large plan sends alone; 0: none. */
  readonly canary: number
  /** Whether `hardDelete`, past the Recycle Bin, may be asked for. By the file alone. */
  readonly hardDelete: boolean
  /** How long Salesforce may be silent. By the file alone. */
  readonly timeouts: Timeouts
}

/** The header `Id` and one row of 18 characters, each with LF. */
const SMALLEST_JOB = 22
/** Salesforce takes 150 MB after base64 (Bulk API 2.0: Upload Job Data). */
const LARGEST_JOB = 100_000_000

/** What every org is compiled from. */
interface OrgSources {
  readonly environment: Environment
  readonly file: YamlSection
  readonly salesforce: 'required' | 'none'
  readonly problems: ConfigProblem[]
  readonly warnings: string[]
}

/**
 * Every org by name: those of the file, and `default` where SALESFORCE_* variables are set or the
 * file has no org at all.
 */
export async function readOrgs(sources: OrgSources): Promise<ReadonlyMap<string, OrgConfig>> {
  const { environment, file, problems } = sources
  const all = file.section('orgs')
  const sections = new Map(all.sections())
  if (sections.size === 0 || environment.given('salesforce').length > 0) {
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
  const own = new Settings([section], problems)
  const limits = new Settings([section, environment.group('limits'), file], problems)
  const byVariables = name === DEFAULT_ORG && !section.has('salesforce')
  const where = byVariables ? 'SALESFORCE_*' : section.nameOf('salesforce')
  const login = new Settings(
    [byVariables ? environment.group('salesforce') : section.section('salesforce')],
    problems,
  )
  if (name === DEFAULT_ORG && !byVariables) refuseVariables(environment, where, problems)
  knowKeys(login)
  return {
    name,
    credentials:
      salesforce === 'none' ? null : await readCredentials(login, where, (w) => warnings.push(w)),
    expectedOrgId: login.parsed('orgId', ORG_ID) ?? null,
    apiVersion: login.parsed('apiVersion', API_VERSION) ?? '61.0',
    maxJobBytes: limits.integer('maxJobBytes', {
      fallback: LARGEST_JOB,
      min: SMALLEST_JOB,
      max: LARGEST_JOB,
    }),
    maxJobRecords: limits.integer('maxJobRecords', { fallback: null, min: 1 }),
    maxInFlight: limits.integer('maxInFlight', { fallback: 10, min: 1, max: 500 }),
    urgentInFlight: limits.integer('urgentInFlight', { fallback: 2, min: 1, max: 500 }),
    maxRecords: limits.integer('maxRecords', { fallback: 1_000_000, min: 1 }),
    approvalAbove: limits.integer('approvalAbove', { fallback: null, min: 0 }),
    canary: limits.integer('canary', { fallback: 10_000, min: 0 }),
    hardDelete: own.flag('hardDelete', false),
    timeouts: readTimeouts(new Settings([section.section('timeouts')], problems)),
  }
}

function readTimeouts(settings: Settings): Timeouts {
  const { connect, response, idle } = DEFAULT_TIMEOUTS
  const range = { min: 1000, max: 3_600_000 }
  return {
    connect: settings.integer('connectMs', { fallback: connect, ...range }),
    response: settings.integer('responseMs', { fallback: response, ...range }),
    idle: settings.integer('idleMs', { fallback: idle, ...range }),
  }
}

function refuseVariables(environment: Environment, where: string, problems: ConfigProblem[]): void {
  const names = environment.given('salesforce')
  if (names.length === 0) return
  const message = `the org "${DEFAULT_ORG}" has its login in ${where} too. Keep one of the two.`
  problems.push({ setting: names.join(', '), message })
}

function faultOfName(name: string, orgs: ReadonlyMap<string, unknown>): string | undefined {
  if (!ORG_NAME.test(name)) return 'expected 1 to 64 letters, digits, "_" or "-" as a name.'
  // An org's results are a folder, and folders may not know case.
  const isTwin = (other: string) => other < name && other.toLowerCase() === name.toLowerCase()
  const twin = orgs.keys().find(isTwin)
  return twin && `differs from ${twin} only in case.`
}

const ORG_ID: ValueForm<string> = {
  expected: "an org's id, 15 or 18 characters that begin with 00D",
  parse: (text) => {
    const id = text.startsWith('00D') ? canonicalId(text) : undefined
    return id && to18(id)
  },
}

const API_VERSION: ValueForm<string> = {
  expected: 'a version of the API from 41.0 on, where Bulk API 2.0 began',
  parse: (text) => {
    const [, number] = /^(\d{2,3})(?:\.0)?$/.exec(text) ?? []
    return Number(number) >= 41 ? `${number}.0` : undefined
  },
}
