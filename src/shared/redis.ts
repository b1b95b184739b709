import { Cluster, type Redis, type RedisOptions } from 'ioredis'
import { PatientCluster, PatientRedis } from './redis/patient.ts'
import { StrictRedis } from './redis/strict.ts'
import type { RedisTrouble } from './redis/trouble.ts'

import { redisUrlProblem } from './redis/url.ts'
import { RedisUnusableError } from './redis/usable.ts'

export { type RedisTrouble, RedisUnavailableError } from './redis/trouble.ts'
export {
  assertUsable,
  inspectRedis,
  mayEvict,
  type RedisFacts,
  RedisUnusableError,
} from './redis/usable.ts'

/** One server (directly, by Sentinel or by a Unix socket) or a cluster; both speak one language. */
export type RedisClient = Redis | Cluster

/** Where the server is. */
export type RedisPlace =
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

export type RedisConfig = RedisPlace & {
  /** It may be a server that keeps no append-only file: what is entrusted to it may be lost. */
  readonly volatile?: boolean
  /** How many replicas must have what a caller entrusts to it before the caller is answered. */
  readonly replicas?: number
}

/**
 * How a connection meets an outage, or a server that refuses what it is asked. A worker waits for
 * as long as it takes and then goes on; a caller who submits wants to know at once.
 */
export type Patience = 'wait' | 'fail-fast'

/**
 * Opens a connection. Errors reach `onError`, never the process: an outage is not a crash.
 *
 * @throws RedisUnusableError where the URL is none
 */
export function connectRedis(
  config: RedisConfig,
  patience: Patience,
  onError: (error: Error) => void,
): RedisClient {
  const client = open(config, patience)
  client.on('error', onError)
  return client
}

/** What this connection was refused within the last seconds; null where all is well, or it is away. */
export function lateTrouble(redis: RedisClient): RedisTrouble | null {
  return redis instanceof PatientRedis || redis instanceof PatientCluster ? redis.trouble : null
}

function open(config: RedisConfig, patience: Patience): RedisClient {
  const shared = options(patience)
  const isPatient = patience === 'wait'
  const server = (own: RedisOptions) => {
    const all = { ...shared, ...own, replyMapping: 'legacy' as const }
    return isPatient ? new PatientRedis(all) : new StrictRedis(all)
  }
  switch (config.kind) {
    case 'url':
      assertUrl(config.url)
      return isPatient ? new PatientRedis(config.url, shared) : new StrictRedis(config.url, shared)
    case 'socket':
      return server({ path: config.path })
    case 'sentinel': {
      const { kind: _, volatile: __, replicas: ___, tls, sentinels, ...sentinel } = config
      return server({
        ...sentinel,
        sentinels: [...sentinels],
        ...(tls ? { tls: {}, enableTLSForSentinelMode: true } : {}),
      })
    }
    case 'cluster': {
      const { nodes, tls, username, password } = config
      const own = {
        redisOptions: {
          maxRetriesPerRequest: shared.maxRetriesPerRequest,
          connectTimeout: shared.connectTimeout,
          ...(username === undefined ? {} : { username }),
          ...(password === undefined ? {} : { password }),
          ...(tls ? { tls: {} } : {}),
        },
      }
      return isPatient ? new PatientCluster([...nodes], own) : new Cluster([...nodes], own)
    }
    default:
      throw new TypeError(`Unknown Redis configuration ${JSON.stringify(config satisfies never)}`)
  }
}

/** A library's caller has it from a configuration of their own. */
function assertUrl(url: string): void {
  const problem = redisUrlProblem(url)
  if (problem !== null) throw new RedisUnusableError(`Redis: ${problem}`)
}

interface Waiting {
  readonly maxRetriesPerRequest: number | null
  readonly connectTimeout: number
  readonly commandTimeout?: number
  readonly socketTimeout?: number
  readonly retryStrategy: (times: number) => number
}

function options(patience: Patience): Waiting {
  const retryStrategy = (times: number) => Math.min(times * 100, 2000)
  switch (patience) {
    case 'wait':
      return {
        // BullMQ's workers insist on null: a blocked read must outlive an outage.
        maxRetriesPerRequest: null,
        connectTimeout: 10_000,
        // A network that swallows everything breaks no connection for a quarter of an hour. Longer
        // than the 10 s for which BullMQ blocks at most.
        socketTimeout: 30_000,
        retryStrategy,
      }
    case 'fail-fast':
      return {
        maxRetriesPerRequest: 1,
        connectTimeout: 5_000,
        // A server that is frozen, or a Sentinel that nobody answers for, must not hold a caller.
        commandTimeout: 5_000,
        retryStrategy,
      }
    default:
      throw new TypeError(`Unknown patience ${String(patience satisfies never)}`)
  }
}
