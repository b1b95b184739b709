import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { ConfigError, type ConfigProblem } from '../base/errors.ts'
import type { GuardRails } from '../contract/guard-rails.ts'
import type { DeletableObject } from '../contract/objects.ts'
import type { ResultsPlace } from '../results/results-store.ts'
import { type ProxyEnv, proxyProblems } from '../salesforce/connections.ts'
import type { RedisConfig } from '../store/redis/redis.ts'
import { type CallbackConfig, readCallbacks } from './callbacks.ts'
import { readConfigFile, type YamlSection } from './config-file.ts'
import { Environment, type Variables } from './environment.ts'
import type { Fields } from './fields.ts'
import { type OrgConfig, orgNameOf, readObjects, readOrgs } from './orgs.ts'
import type { PostgresConnection } from './postgres.ts'
import { readRedis, showRedis } from './redis.ts'
import { resultsPlace } from './results.ts'
import { SETTINGS } from './schema.ts'
import { Settings, type Values } from './settings.ts'
import { readSources, type SourcesConfig } from './sources.ts'
import { readTracing, type TracingConfig } from './tracing.ts'

export {
  type CallbackConfig,
  type OrgConfig,
  orgNameOf,
  type PostgresConnection,
  type SourcesConfig,
  showRedis,
  type TracingConfig,
}

type Section<Name extends keyof typeof SETTINGS> = Values<(typeof SETTINGS)[Name]>

/** Settings for the rest of the program: complete, validated, immutable. */
export interface Config extends Omit<Section<'service'>, 'home'> {
  /** Null: an embedded server, if the command may start one. */
  readonly redis: RedisConfig | null
  /** Absolute path: the embedded server's data. */
  readonly home: string
  /** By name; at least one. */
  readonly orgs: ReadonlyMap<string, OrgConfig>
  /** By API name: the built-in objects and those added by the file, some with an empty prefix. */
  readonly objects: ReadonlyMap<string, DeletableObject>
  /** Where receipts and result files are; shared by all processes. */
  readonly results: ResultsPlace
  readonly files: { readonly roots: readonly string[] }
  readonly sources: SourcesConfig
  readonly metrics: Section<'metrics'>
  readonly http: Section<'http'>
  readonly worker: Section<'worker'>
  readonly coalesce: Section<'coalesce'>
  /** Whether every deleted id is written to `deleted.csv`. */
  readonly audit: { readonly keepDeleted: boolean }
  /** Null if callbacks are off. */
  readonly callbacks: CallbackConfig | null
  /** Null if tracing is off. */
  readonly tracing: TracingConfig | null
  /** The proxy variables in the form of Node's agents. */
  readonly proxyEnv: ProxyEnv
  /** Unusual settings that are no errors, one sentence each. */
  readonly warnings: readonly string[]
}

/** What a command requires. */
interface Need {
  /** `optional`: the command starts an embedded server if no Redis is given. */
  readonly redis: 'required' | 'optional'
  /** `none`: credentials are neither requested nor read, so their files may be absent. */
  readonly salesforce: 'required' | 'none'
  /** The one org that the command is for: by name, or one of the `sf` CLI. */
  readonly org?: string | undefined
  /** The orgs that the command is for, by name; all by default. */
  readonly orgs?: readonly string[] | undefined
}

/**
 * Builds the settings from environment variables and, if EXPUNGE_CONFIG names one, a YAML file.
 *
 * A setting is taken from the first of: the org's entry in the file, the environment, the file's
 * top level, the default. So a variable overrides a file that several processes share, and an org's
 * own limit takes precedence over a limit for all. Redis and each org's login may be given in one
 * place only. Relative paths start at the working directory, or, in the file, at the file's
 * directory.
 *
 * @param env used as passed; an empty value counts as unset
 * @throws {ConfigError} with every problem at once, each under the name that the user wrote
 */
export async function loadConfig(env: Variables, need: Need): Promise<Config> {
  const problems: ConfigProblem[] = []
  const warnings: string[] = []
  const environment = new Environment(env)
  const file = await readConfigFile(environment, problems)
  // Settings in a broken file must not be reported as missing.
  const { redis, salesforce } = problems.length > 0 ? NOTHING : need
  const { org: target, orgs: chosen } = need

  const settings = <F extends Fields>(fields: F, section: YamlSection) =>
    new Settings(fields, [environment.source(fields), section], problems)
  const service = settings(SETTINGS.service, file)
  const results = settings(SETTINGS.results, file.section('results'))
  const worker = settings(SETTINGS.worker, file.section('worker'))
  const home = service.get('home') ?? stateFolder(env)
  const sources = await readSources(file.section('sources'), salesforce === 'required', problems)
  const proxyEnv = readProxy(env, problems)
  const places = { environment, env, file, home, salesforce, target, chosen, problems, warnings }

  const config: Config = {
    redis: await readRedis(environment, file.section('redis'), redis, problems),
    home,
    orgs: await readOrgs(places),
    objects: readObjects(file.section('objects'), problems),
    results: resultsPlace(results.get('path') ?? 'results', { sources, proxyEnv }),
    retentionDays: service.get('retentionDays'),
    idempotencyDays: service.get('idempotencyDays'),
    files: settings(SETTINGS.files, file.section('files')).all(),
    sources: { ...sources, proxyEnv },
    maxPlans: service.get('maxPlans'),
    maxPlanMemory: service.get('maxPlanMemory'),
    planHours: service.get('planHours'),
    metrics: settings(SETTINGS.metrics, file.section('metrics')).all(),
    http: settings(SETTINGS.http, file.section('http')).all(),
    logLevel: service.get('logLevel'),
    audit: { keepDeleted: results.get('deleted') },
    callbacks: readCallbacks(file.section('callbacks'), file.has('callbacks'), problems),
    tracing: readTracing(environment, problems),
    worker: worker.all(),
    coalesce: settings(SETTINGS.coalesce, file.section('coalesce')).all(),
    proxyEnv,
    warnings,
  }
  file.refuseUnknownKeys()

  const unknown = environment.unknown()
  if (problems.length > 0) throw new ConfigError([...unique(problems), ...mistyped(unknown)])
  warnings.push(...unknown.map(asWarning))
  return config
}

const NOTHING: Need = { redis: 'optional', salesforce: 'none' }

/** A variable that sets a limit for all orgs is read, and reported, once per org. */
function unique(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()]
}

/** Besides a missing setting, reports the variable that was probably meant. */
type UnknownVariables = ReturnType<Environment['unknown']>

function mistyped(unknown: UnknownVariables): readonly ConfigProblem[] {
  return unknown
    .filter(({ meant }) => meant !== undefined)
    .map(({ name, meant }) => ({ setting: name, message: `unknown; did you mean ${meant}?` }))
}

function asWarning({ name, meant }: UnknownVariables[number]): string {
  const advice = meant === undefined ? '' : ` Did you mean ${meant}?`
  return `${name}: no setting of Expunge, so it is ignored.${advice}`
}

/**
 * The folder for state that must survive a restart but is not a user document: `$XDG_STATE_HOME`,
 * else `~/.local/state` (XDG Base Directory Specification, which ignores relative paths).
 */
function stateFolder(env: Variables): string {
  const state = env['XDG_STATE_HOME'] ?? ''
  const base = isAbsolute(state) ? state : join(env['HOME'] || homedir(), '.local', 'state')
  return join(base, 'expunge')
}

/** The guard rails that a configuration defines for one of its orgs. */
export function railsOf(
  { objects, files, retentionDays, idempotencyDays, audit }: Config,
  { maxRecords, approvalAbove, canary, hardDelete }: OrgConfig,
): GuardRails {
  return {
    ...{ maxRecords, approvalAbove, canary, hardDelete },
    ...{ retentionDays, idempotencyDays },
    objects: Object.fromEntries([...objects.values()].map(({ name, prefix }) => [name, prefix])),
    fileRoots: files.roots,
    fileBase: files.roots[0] ?? null,
    keepDeleted: audit.keepDeleted,
  }
}

/** The proxy variables, in upper or lower case; lower case takes precedence. */
function readProxy(env: Variables, problems: ConfigProblem[]): ProxyEnv {
  problems.push(...proxyProblems(env))
  const names = ['https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY']
  return Object.fromEntries(names.filter((name) => env[name]).map((name) => [name, env[name]]))
}
