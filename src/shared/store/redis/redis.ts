import { setImmediate } from 'node:timers/promises'
import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis'
import { backoff } from '../../base/backoff.ts'
import { redisUrlProblem } from '../../base/redis-url.ts'
import { COMMAND_MS, FailFastCluster } from './cluster.ts'
import { loginOf, type RedisPlace, type RedisTls, tlsOptions } from './place.ts'
import { ResendingCluster, ResendingRedis } from './resending.ts'
import { StrictRedis } from './strict.ts'
import { detailOf, isVague, type RedisTrouble, RedisUnavailableError } from './trouble.ts'
import { RedisUnusableError } from './usable.ts'
import { whyAway } from './why-away.ts'

export { type RedisTrouble, RedisUnavailableError } from './trouble.ts'
export {
  assertUsable,
  inspectRedis,
  mayEvict,
  type RedisFacts,
  RedisUnusableError,
} from './usable.ts'

/**
 * One server (direct, through Sentinel or by a Unix socket) or a cluster; both have the same API.
 */
export type RedisClient = Redis | Cluster

export type RedisConfig = RedisPlace & {
  /** Allows a server without an append-only file, which may lose data. */
  readonly volatile?: boolean
  /** How many replicas must have a caller's data before the caller gets an answer. */
  readonly replicas?: number
}

/**
 * How a connection handles an outage, or a server that refuses commands. A worker waits as long as
 * it takes and then continues; a caller that submits wants an answer at once.
 */
type OnOutage = 'wait' | 'fail-fast'

/**
 * Opens a connection. Errors go to `onError` and never crash the process.
 *
 * @throws RedisUnusableError if the URL is invalid
 */
export function connectRedis(
  config: RedisConfig,
  onOutage: OnOutage,
  onError: (error: Error) => void,
): RedisClient {
  const client = open(config, onOutage)
  client.on('error', onError)
  if (onOutage === 'wait') tellWhyAway(client, config)
  return client
}

/**
 * What the server refused within the last seconds; null if nothing, or if the connection is down.
 */
export function lateTrouble(redis: RedisClient): RedisTrouble | null {
  return redis instanceof ResendingRedis || redis instanceof ResendingCluster ? redis.trouble : null
}

/**
 * Reports the reason of an outage to a waiting process, also if ioredis reports only a missing
 * connection, or nothing. Reports once per outage, until the connection is ready again.
 */
function tellWhyAway(client: RedisClient, config: RedisConfig): void {
  let isTold = false
  let wasReady = false
  const explain = async (seen: string) => {
    if (isTold) return
    isTold = true
    // The status of a connection that we ended becomes `end` only after this event.
    await setImmediate()
    if (!isMissed()) return
    const why = (await whyAway(config)) ?? new RedisUnavailableError('REDIS_AWAY', seen)
    // Meanwhile it may have connected, or have been closed.
    if (isMissed()) client.emit('error', why)
  }
  const isMissed = () => client.status !== 'ready' && client.status !== 'end'
  const silence = setTimeout(() => void explain('no answer yet'), SILENCE_MS).unref()
  client.on('ready', () => {
    clearTimeout(silence)
    isTold = false
    wasReady = true
  })
  client.on('error', (error) => {
    if (isVague(error)) void explain(detailOf(error))
    else isTold = true
  })
  client.on('close', () => {
    // The next connection reports why a working one ended, except in a cluster.
    if (!wasReady || config.kind === 'cluster') void explain('the connection is closed')
  })
  client.on('end', () => clearTimeout(silence))
}

/** Reports a server that accepts connections but stays silent, long before `socketTimeout`. */
const SILENCE_MS = 5_000

function open(config: RedisConfig, onOutage: OnOutage): RedisClient {
  const shared = { ...options(onOutage), ...UNNAMED }
  const waits = onOutage === 'wait'
  const server = (own: RedisOptions) => {
    const all = { ...shared, ...own, replyMapping: 'legacy' as const }
    return waits ? new ResendingRedis(all) : new StrictRedis(all)
  }
  switch (config.kind) {
    case 'url':
      assertUrl(config.url)
      return waits
        ? new ResendingRedis(config.url, { ...shared, ...tlsOf(config.tls) })
        : new StrictRedis(config.url, { ...shared, ...tlsOf(config.tls) })
    case 'socket':
      return server({ path: config.path })
    case 'sentinel': {
      const { sentinels, name, username, password, sentinelPassword } = config
      const tls = tlsOptions(config.tls)
      return server({
        sentinels: [...sentinels],
        name,
        ...loginOf(username, password),
        ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
        // A Sentinel that accepts and never answers must not prevent asking the others.
        sentinelCommandTimeout: SENTINEL_MS,
        ...(tls ? { tls, enableTLSForSentinelMode: true } : {}),
        ...(tls && config.sentinelTls !== false ? { sentinelTLS: tls } : {}),
      })
    }
    case 'cluster': {
      const { nodes, tls, username, password } = config
      const { retryStrategy: _, ...waiting } = shared
      const own: ClusterOptions = {
        redisOptions: { ...waiting, ...loginOf(username, password), ...tlsOf(tls) },
        // Node resolves names itself, for each connection; certificates are issued for names.
        dnsLookup: (address, found) => found(null, address),
      }
      return waits ? new ResendingCluster([...nodes], own) : new FailFastCluster([...nodes], own)
    }
    default:
      throw new TypeError(`Unknown Redis configuration ${JSON.stringify(config satisfies never)}`)
  }
}

/** A library's caller passes a URL from their own configuration. */
function assertUrl(url: string): void {
  const problem = redisUrlProblem(url)
  if (problem !== null) throw new RedisUnusableError(`Redis: ${problem}`)
}

function tlsOf(tls: boolean | RedisTls | undefined) {
  const options = tlsOptions(tls)
  return options === undefined ? {} : { tls: options }
}

/** Timeout of one Sentinel before the next is asked. */
const SENTINEL_MS = 2_000

/**
 * `CLIENT SETINFO` would need another ACL permission, and without it adds an entry to the ACL log.
 */
const UNNAMED = { disableClientInfo: true } as const

interface Waiting {
  readonly maxRetriesPerRequest: number | null
  readonly connectTimeout: number
  readonly commandTimeout?: number
  readonly socketTimeout?: number
  readonly retryStrategy: (times: number) => number
}

function options(onOutage: OnOutage): Waiting {
  const reconnectDelay = backoff({ first: 100, cap: 2000 })
  const retryStrategy = (times: number) => reconnectDelay(times)
  switch (onOutage) {
    case 'wait':
      return {
        // BullMQ's workers require null: a blocking read must survive an outage.
        maxRetriesPerRequest: null,
        connectTimeout: 10_000,
        // A network that drops all packets breaks a connection only after a quarter of an hour.
        // Must exceed the 10 s for which BullMQ blocks at most.
        socketTimeout: 30_000,
        retryStrategy,
      }
    case 'fail-fast':
      return {
        maxRetriesPerRequest: 1,
        connectTimeout: 5_000,
        // A frozen server, or a Sentinel that gets no answer, must not block a caller.
        commandTimeout: COMMAND_MS,
        retryStrategy,
      }
    default:
      throw new TypeError(`Unknown choice ${String(onOutage satisfies never)}`)
  }
}
