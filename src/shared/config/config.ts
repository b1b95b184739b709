import { resolve } from 'node:path'
import { ConfigError, type ConfigProblem } from '../base/errors.ts'
import { LOG_LEVELS, type LogLevel } from '../base/logger.ts'
import type { DeletableObject } from '../contract/objects.ts'
import type { ProxyEnv } from '../salesforce/connections.ts'
import type { RedisConfig } from '../store/redis/redis.ts'
import { type CallbackConfig, readCallbacks } from './callbacks.ts'
import { readConfigFile } from './config-file.ts'
import {
  Environment,
  type UnknownVariable,
  type VariableGroup,
  type Variables,
} from './environment.ts'
import { HOST, readProxy } from './network.ts'
import { readObjects } from './objects.ts'
import { type OrgConfig, readOrgs } from './orgs.ts'
import { readRedis } from './redis.ts'
import { Settings } from './settings.ts'
import { stateFolder } from './state-folder.ts'
import { readTracing, type TracingConfig } from './tracing.ts'
import type { YamlSection } from './yaml-section.ts'

export type { CallbackConfig } from './callbacks.ts'
export type { OrgConfig } from './orgs.ts'
export { showRedis } from './redis.ts'
export type { TracingConfig } from './tracing.ts'

/** Where a server listens; port 0 is any free one. */
interface Listen {
  readonly host: string
  readonly port: number
}

/** Settings as the rest of the program uses them: complete, checked, never changed. */
export interface Config {
  /** Null: an embedded server, where the command may start one. */
  readonly redis: RedisConfig | null
  /** Absolute: the embedded server's data. */
  readonly home: string
  /** By name; at least one. */
  readonly orgs: ReadonlyMap<string, OrgConfig>
  /** By API name: the built-in ones and those added by the file. */
  readonly objects: ReadonlyMap<string, DeletableObject>
  /** Where receipts and result files go; absolute, shared by all processes. */
  readonly results: { readonly kind: 'directory'; readonly path: string }
  /** How long records and files of ended requests are kept. */
  readonly retentionDays: number
  /** How long after that their ids are known, so that none is run again. */
  readonly idempotencyDays: number
  /** Directories, absolute, of which the `file` source may read; none: the source is off. */
  readonly files: { readonly roots: readonly string[] }
  /** Plans at once in one worker. */
  readonly maxPlans: number
  /** Bytes that telling duplicates apart may take in one plan. */
  readonly maxPlanMemory: number
  readonly metrics: Listen
  readonly http: Listen & {
    /** Path of the file with the API keys, absolute; null: no keys, and so loopback alone. */
    readonly keys: string | null
  }
  readonly logLevel: LogLevel
  /** Whether every deleted id is written to `deleted.csv`. */
  readonly audit: { readonly keepDeleted: boolean }
  /** Null: none is sent. */
  readonly callbacks: CallbackConfig | null
  /** Null: nothing is traced. */
  readonly tracing: TracingConfig | null
  /** Milliseconds, shared by all workers: how soon a dead worker's jobs go on elsewhere. */
  readonly worker: {
    readonly lockMs: number
    readonly stalledMs: number
    /** Before rows that failed for a passing reason go again for the first time. */
    readonly resendMs: number
  }
  /** The variables that name the proxy, as Node's agents take them. */
  readonly proxyEnv: ProxyEnv
  /** What is odd but no reason to stop, one sentence each. */
  readonly warnings: readonly string[]
}

/** What a command cannot do without. */
export interface Need {
  /** `optional`: the command starts an embedded server where no Redis is given. */
  readonly redis: 'required' | 'optional'
  /** `none`: credentials are neither asked for nor read, so their files may be absent. */
  readonly salesforce: 'required' | 'none'
}

/**
 * Compiles the settings from environment variables and, where EXPUNGE_CONFIG names one, a YAML file.
 *
 * A setting is taken from the first of: the org's entry in the file, the environment, the file's
 * top level, the default. So a variable overrides a file that several processes share, and an org's
 * own limit stands against a limit for all. Redis and each org's login may be given in one place
 * only. Relative paths start at the working directory, in the file at the file.
 *
 * @param env read as handed in; an empty value counts as unset
 * @throws {ConfigError} with every problem at once, each under the name that the user wrote
 */
export async function loadConfig(env: Variables, need: Need): Promise<Config> {
  const problems: ConfigProblem[] = []
  const warnings: string[] = []
  const environment = new Environment(env)
  const file = await readConfigFile(environment, problems)
  // What stands in a broken file must not be called missing.
  const { redis, salesforce } = problems.length > 0 ? NOTHING : need

  const settings = (section: YamlSection, group?: VariableGroup) =>
    new Settings([...(group ? [environment.group(group)] : []), section], problems)
  const service = settings(file, 'service')
  const results = settings(file.section('results'), 'results')
  const worker = settings(file.section('worker'))

  const config: Config = {
    redis: await readRedis(environment, file.section('redis'), redis, problems),
    home: service.path('home') ?? stateFolder(env),
    orgs: await readOrgs({ environment, file, salesforce, problems, warnings }),
    objects: readObjects(file.section('objects'), problems),
    results: { kind: 'directory', path: results.path('path', RESULTS) ?? resolve('results') },
    retentionDays: service.integer('retentionDays', { fallback: 30, min: 1, max: 3650 }),
    idempotencyDays: service.integer('idempotencyDays', { fallback: 400, min: 0, max: 3650 }),
    files: { roots: settings(file.section('files')).paths('roots') },
    maxPlans: service.integer('maxPlans', { fallback: 4, min: 1, max: 64 }),
    maxPlanMemory: service.integer('maxPlanMemory', { fallback: 512 * MIB, min: MIB }),
    metrics: readListen(settings(file.section('metrics'), 'metrics'), 9464),
    http: readHttp(settings(file.section('http'), 'http')),
    logLevel: service.choice('logLevel', LOG_LEVELS, 'info'),
    audit: { keepDeleted: results.flag('deleted', false) },
    callbacks: readCallbacks(file.section('callbacks'), file.has('callbacks'), problems),
    tracing: readTracing(environment, problems),
    worker: {
      lockMs: worker.integer('lockMs', { fallback: 10_000, min: 1000, max: 600_000 }),
      stalledMs: worker.integer('stalledMs', { fallback: 5000, min: 1000, max: 600_000 }),
      resendMs: worker.integer('resendMs', { fallback: 5000, min: 0, max: 600_000 }),
    },
    proxyEnv: readProxy(env, problems),
    warnings,
  }
  file.refuseUnknownKeys()

  const unknown = environment.unknown()
  if (problems.length > 0) throw new ConfigError([...unique(problems), ...mistyped(unknown)])
  warnings.push(...unknown.map(asWarning))
  return config
}

const NOTHING: Need = { redis: 'optional', salesforce: 'none' }

const MIB = 1024 * 1024

const RESULTS =
  'a directory that all processes share (a bucket such as s3://bucket/prefix is not supported in this version)'

function readHttp(settings: Settings): Config['http'] {
  return { ...readListen(settings, 8080), keys: settings.path('keys') ?? null }
}

function readListen(settings: Settings, port: number): Listen {
  return {
    host: settings.parsed('host', HOST) ?? '127.0.0.1',
    port: settings.integer('port', { fallback: port, min: 0, max: 65_535 }),
  }
}

/** A variable that sets a limit for all orgs is read, and found wrong, once for each. */
function unique(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()]
}

/** Beside a missing setting, the variable that was probably meant to be it. */
function mistyped(unknown: readonly UnknownVariable[]): readonly ConfigProblem[] {
  return unknown
    .filter(({ meant }) => meant !== undefined)
    .map(({ name, meant }) => ({ setting: name, message: `unknown; did you mean ${meant}?` }))
}

function asWarning({ name, meant }: UnknownVariable): string {
  const advice = meant === undefined ? '' : ` Did you mean ${meant}?`
  return `${name}: no setting of Expunge, so it is ignored.${advice}`
}
