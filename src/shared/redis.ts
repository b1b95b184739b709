import { Cluster, Redis } from 'ioredis'
import { ExpungeError } from './errors.ts'

/** One server (directly, by Sentinel or by a Unix socket) or a cluster; both speak one language. */
export type RedisClient = Redis | Cluster

export type RedisConfig =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'socket'; readonly path: string }
  | {
      readonly kind: 'sentinel'
      readonly sentinels: readonly { readonly host: string; readonly port: number }[]
      readonly name: string
      readonly username?: string
      readonly password?: string
      readonly sentinelPassword?: string
      readonly tls: boolean
    }
  | {
      readonly kind: 'cluster'
      readonly nodes: readonly { readonly host: string; readonly port: number }[]
      readonly username?: string
      readonly password?: string
      readonly tls: boolean
    }

/**
 * How a connection meets an outage. A worker waits for as long as it takes and then goes on;
 * a caller who submits wants to know at once.
 */
export type Patience = 'wait' | 'fail-fast'

/** Redis cannot be used as it is; the message says what to change. */
export class RedisUnusableError extends ExpungeError {
  readonly code = 'REDIS_UNUSABLE'
}

/** Opens a connection. Errors reach `onError`, never the process: an outage is not a crash. */
export function connectRedis(
  config: RedisConfig,
  patience: Patience,
  onError: (error: Error) => void,
): RedisClient {
  const client = open(config, options(patience))
  client.on('error', onError)
  return client
}

/** Waits until the server answers, and refuses one that is too old. */
export async function assertUsable(redis: RedisClient): Promise<RedisFacts> {
  const facts = await inspectRedis(redis)
  if (!facts.supported) {
    throw new RedisUnusableError(
      `Redis: expected Redis 6.2 or newer, or Valkey 8 or newer, got ${facts.product} ${facts.version}. Upgrade the server.`,
    )
  }
  return facts
}

/** What matters about a server: version, and whether it may lose what we entrust to it. */
export interface RedisFacts {
  readonly product: 'redis' | 'valkey'
  readonly version: string
  readonly supported: boolean
  readonly role: string
  /** `noeviction` is the only policy under which nothing vanishes. */
  readonly evictionPolicy: string
  readonly appendOnly: boolean
  /** Bytes; 0 where no limit is set. */
  readonly maxMemory: number
  readonly usedMemory: number
}

export async function inspectRedis(redis: RedisClient): Promise<RedisFacts> {
  const info = parseInfo(await redis.info())
  const valkey = info.get('valkey_version')
  const version = valkey ?? info.get('redis_version') ?? '0'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return {
    product: valkey === undefined ? 'redis' : 'valkey',
    version,
    supported: valkey === undefined ? major > 6 || (major === 6 && minor >= 2) : major >= 8,
    role: info.get('role') ?? 'unknown',
    evictionPolicy: info.get('maxmemory_policy') ?? 'unknown',
    appendOnly: info.get('aof_enabled') === '1',
    maxMemory: Number(info.get('maxmemory') ?? 0),
    usedMemory: Number(info.get('used_memory') ?? 0),
  }
}

function open(config: RedisConfig, shared: Waiting): RedisClient {
  switch (config.kind) {
    case 'url':
      return new Redis(config.url, shared)
    case 'socket':
      return new Redis({ ...shared, path: config.path })
    case 'sentinel': {
      const { kind: _, tls, sentinels, ...sentinel } = config
      return new Redis({
        ...shared,
        ...sentinel,
        sentinels: [...sentinels],
        ...(tls ? { tls: {}, enableTLSForSentinelMode: true } : {}),
      })
    }
    case 'cluster': {
      const { nodes, tls, username, password } = config
      return new Cluster([...nodes], {
        redisOptions: {
          maxRetriesPerRequest: shared.maxRetriesPerRequest,
          connectTimeout: shared.connectTimeout,
          ...(username === undefined ? {} : { username }),
          ...(password === undefined ? {} : { password }),
          ...(tls ? { tls: {} } : {}),
        },
      })
    }
    default:
      throw new TypeError(`Unknown Redis configuration ${JSON.stringify(config satisfies never)}`)
  }
}

interface Waiting {
  readonly maxRetriesPerRequest: number | null
  readonly connectTimeout: number
  readonly commandTimeout?: number
  readonly retryStrategy: (times: number) => number
}

function options(patience: Patience): Waiting {
  const retryStrategy = (times: number) => Math.min(times * 100, 2000)
  switch (patience) {
    case 'wait':
      // BullMQ's workers insist on null: a blocked read must outlive an outage.
      return { maxRetriesPerRequest: null, connectTimeout: 10_000, retryStrategy }
    case 'fail-fast':
      return {
        maxRetriesPerRequest: 1,
        connectTimeout: 5_000,
        // A server that is frozen, or a Sentinel that nobody answers for, must not hold a caller.
        commandTimeout: 10_000,
        retryStrategy,
      }
    default:
      throw new TypeError(`Unknown patience ${String(patience satisfies never)}`)
  }
}

function parseInfo(text: string): Map<string, string> {
  return new Map(
    text
      .split('\r\n')
      .filter((line) => line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  )
}
