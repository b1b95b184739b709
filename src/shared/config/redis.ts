import type { ConfigProblem } from '../base/errors.ts'
import { parseRedisUrl } from '../base/redis-url.ts'
import type { RedisTls } from '../store/redis/place.ts'
import type { RedisConfig } from '../store/redis/redis.ts'
import type { YamlSection } from './config-file.ts'
import type { Environment } from './environment.ts'
import { isUsable, SETTINGS } from './schema.ts'
import { Settings } from './settings.ts'

const MISSING =
  'missing. Producer and workers meet in Redis (6.2 or newer, or Valkey 8): set REDIS_URL=redis://host:6379, ' +
  'or REDIS_URL_FILE, or redis in the file that EXPUNGE_CONFIG names. `expunge run` needs none.'

/**
 * The Redis that holds the requests. It may be given only once: two, even in different places, are
 * an error, because no precedence should decide which ledger is used.
 *
 * @returns null if none is given and none is required
 */
export async function readRedis(
  environment: Environment,
  section: YamlSection,
  need: 'required' | 'optional',
  problems: ConfigProblem[],
): Promise<RedisConfig | null> {
  const variables = new Settings(SETTINGS.redis, [environment.source(SETTINGS.redis)], problems)
  const file = new Settings(SETTINGS.redis, [section], problems)
  const tlsSources = [environment.source(SETTINGS.redisTls), section.section('tls')]
  const secured = new Settings(SETTINGS.redisTls, tlsSources, problems)
  const ways = [
    { names: variables.namesOf('url'), read: () => readUrl(variables) },
    { names: file.namesOf('url'), read: () => readUrl(file) },
    { names: file.namesOf('socket'), read: async () => readSocket(file) },
    {
      names: section.has('sentinel') ? [section.nameOf('sentinel')] : [],
      read: () =>
        readSentinel(new Settings(SETTINGS.sentinel, [section.section('sentinel')], problems)),
    },
    {
      names: section.has('cluster') ? [section.nameOf('cluster')] : [],
      read: () =>
        readCluster(new Settings(SETTINGS.cluster, [section.section('cluster')], problems)),
    },
  ].filter(({ names }) => names.length > 0)

  if (ways.length > 1) {
    const setting = ways.flatMap(({ names }) => names).join(' and ')
    problems.push({ setting, message: 'each names a Redis. Keep one of them.' })
  }
  if (ways.length === 0 && need === 'required') {
    problems.push({ setting: 'REDIS_URL', message: MISSING })
  }
  const found: (RedisConfig | null)[] = []
  for (const { read } of ways) found.push(await read())
  const [redis = null] = found
  // Taken from the file even if a variable names the server, because it is about the data.
  const volatile = file.get('volatile')
  const replicas = file.get('replicas')
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

async function readUrl(
  settings: Settings<(typeof SETTINGS)['redis']>,
): Promise<RedisConfig | null> {
  const url = await settings.secret('url')
  return url === undefined ? null : { kind: 'url', url }
}

function readSocket(settings: Settings<(typeof SETTINGS)['redis']>): RedisConfig | null {
  const path = settings.get('socket')
  return path === undefined ? null : { kind: 'socket', path }
}

async function readSentinel(
  settings: Settings<(typeof SETTINGS)['sentinel']>,
): Promise<RedisConfig> {
  const sentinelPassword = await settings.secret('sentinelPassword')
  return {
    kind: 'sentinel',
    sentinels: settings.get('nodes'),
    name: settings.get('name'),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(await readLogin(settings)),
    ...(settings.get('sentinelTls') ? {} : { sentinelTls: false }),
  }
}

async function readCluster(settings: Settings<(typeof SETTINGS)['cluster']>): Promise<RedisConfig> {
  return { kind: 'cluster', nodes: settings.get('nodes'), ...(await readLogin(settings)) }
}

/** Settings that Sentinel and cluster share. */
type RedisLogin = Pick<(typeof SETTINGS)['cluster'], 'username' | 'password' | 'tls'>

async function readLogin(settings: Pick<Settings<RedisLogin>, 'get' | 'secret'>) {
  const username = settings.get('username')
  const password = await settings.secret('password')
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    tls: settings.get('tls'),
  }
}

/** The address of Redis for a log line or a screen, without a password. */
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

/** Certificates for the server and for us, if the defaults do not suffice; null if they do. */
async function readRedisTls(
  settings: Settings<(typeof SETTINGS)['redisTls']>,
): Promise<RedisTls | null> {
  const ca = await settings.secret('ca')
  const cert = await settings.secret('cert')
  const key = await settings.secret('key')
  const servername = settings.get('servername')
  if (settings.namesOf(...TLS_KEYS).length === 0) return null
  const pair = settings.namesOf('cert', 'key')
  if (pair.length === 1) {
    settings.refuse(pair.join(), 'given alone; expected a certificate and its key, or neither.')
  }
  if (cert !== undefined && key !== undefined && !isUsable({ cert, key })) {
    settings.refuse(
      pair.join(' and '),
      'expected a certificate and its key, got two that do not match.',
    )
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
  }
}

const TLS_KEYS = ['ca', 'cert', 'key', 'servername'] as const

/** The same Redis with these settings. They are an error if the connection is not encrypted. */
function withTls(
  redis: RedisConfig,
  tls: RedisTls,
  settings: Settings<(typeof SETTINGS)['redisTls']>,
): RedisConfig {
  const isEncrypted =
    redis.kind === 'url' ? /^rediss:/i.test(redis.url) : redis.kind !== 'socket' && redis.tls
  if (!isEncrypted || redis.kind === 'socket') {
    const names = settings.namesOf(...TLS_KEYS).join(' and ')
    const instead =
      redis.kind === 'url' ? 'Write rediss:// in the URL' : 'Set tls: true beside the nodes'
    settings.refuse(names, `given, but the connection to Redis is not encrypted. ${instead}.`)
    return redis
  }
  return { ...redis, tls }
}
