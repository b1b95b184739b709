import type { ConfigProblem } from '../base/errors.ts'
import { parseRedisUrl, redisUrlProblem } from '../base/redis-url.ts'
import type { RedisConfig } from '../store/redis/redis.ts'
import type { Environment } from './environment.ts'
import { hostAndPort } from './network.ts'
import { readRedisTls, withTls } from './redis-tls.ts'
import { Settings } from './settings.ts'
import type { SettingSource } from './source.ts'
import type { YamlSection } from './yaml-section.ts'

const MISSING =
  'missing. Producer and workers meet in Redis (6.2 or newer, or Valkey 8): set REDIS_URL=redis://host:6379, ' +
  'or REDIS_URL_FILE, or redis in the file that EXPUNGE_CONFIG names. `expunge run` needs none.'

/**
 * Where the requests live. One answer only: two of them, even in different places, are a problem,
 * because no order of precedence should decide which ledger is the true one.
 *
 * @returns null where none is given and none is required
 */
export async function readRedis(
  environment: Environment,
  section: YamlSection,
  need: 'required' | 'optional',
  problems: ConfigProblem[],
): Promise<RedisConfig | null> {
  const settings = (source: SettingSource) => new Settings([source], problems)
  const variables = settings(environment.group('redis'))
  const file = settings(section)
  const secured = new Settings([environment.group('redisTls'), section.section('tls')], problems)
  const ways = [
    { names: variables.namesOf('url', 'urlFile'), read: () => readUrl(variables) },
    { names: file.namesOf('url', 'urlFile'), read: () => readUrl(file) },
    { names: file.namesOf('socket'), read: async () => readSocket(file) },
    {
      names: section.has('sentinel') ? [section.nameOf('sentinel')] : [],
      read: () => readSentinel(settings(section.section('sentinel'))),
    },
    {
      names: section.has('cluster') ? [section.nameOf('cluster')] : [],
      read: () => readCluster(settings(section.section('cluster'))),
    },
  ].filter(({ names }) => names.length > 0)

  if (ways.length > 1) {
    const setting = ways.flatMap(({ names }) => names).join(' and ')
    problems.push({ setting, message: 'each names a Redis. Keep one of them.' })
  }
  if (ways.length === 0 && need === 'required') {
    problems.push({ setting: 'REDIS_URL', message: MISSING })
  }
  const [redis = null] = await Promise.all(ways.map(({ read }) => read()))
  // Wherever the server is named: it says what may become of its data.
  const volatile = file.flag('volatile', false)
  const replicas = file.integer('replicas', { fallback: 0, min: 0, max: 10 })
  if (redis?.kind === 'cluster' && replicas > 0) {
    const message =
      'is for one primary with replicas, not for a cluster. Leave it out, and set min-replicas-to-write on each shard.'
    problems.push({ setting: section.nameOf('replicas'), message })
  }
  const tls = await readRedisTls(secured)
  if (redis === null) return null
  return {
    ...(tls === null ? redis : withTls(redis, tls, secured)),
    ...(volatile ? { volatile } : {}),
    ...(replicas > 0 ? { replicas } : {}),
  }
}

async function readUrl(settings: Settings): Promise<RedisConfig | null> {
  const url = await settings.secret('url')
  const problem = url === undefined ? null : redisUrlProblem(url)
  if (problem !== null) settings.refuse(settings.namesOf('url', 'urlFile').join(), problem)
  return url === undefined || problem !== null ? null : { kind: 'url', url }
}

function readSocket(settings: Settings): RedisConfig | null {
  const path = settings.path('socket')
  return path === undefined ? null : { kind: 'socket', path }
}

async function readSentinel(settings: Settings): Promise<RedisConfig> {
  const sentinelPassword = await settings.secret('sentinelPassword')
  return {
    kind: 'sentinel',
    sentinels: settings.list('nodes', hostAndPort(26_379)),
    name: settings.text('name') ?? 'mymaster',
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(await readLogin(settings)),
    ...(settings.flag('sentinelTls', true) ? {} : { sentinelTls: false }),
  }
}

async function readCluster(settings: Settings): Promise<RedisConfig> {
  return {
    kind: 'cluster',
    nodes: settings.list('nodes', hostAndPort(6379)),
    ...(await readLogin(settings)),
  }
}

async function readLogin(settings: Settings) {
  const username = settings.text('username')
  const password = await settings.secret('password')
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    tls: settings.flag('tls', false),
  }
}

/** Where the requests live, in words for a log line or a screen; no password in it. */
export function showRedis(redis: RedisConfig): string {
  switch (redis.kind) {
    case 'url':
      return parseRedisUrl(redis.url)?.shown ?? 'redis://'
    case 'socket':
      return redis.path
    case 'sentinel':
      return `${redis.name} at Sentinel ${showNodes(redis.sentinels)}`
    case 'cluster':
      return `cluster ${showNodes(redis.nodes)}`
    default:
      throw new TypeError(`Unknown kind of Redis: ${String(redis satisfies never)}`)
  }
}

function showNodes(nodes: readonly { host: string; port: number }[]): string {
  return nodes.map(({ host, port }) => `${host}:${port}`).join(', ')
}
