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

/** One server (directly, by Sentinel or by a Unix socket) or a cluster; both speak one language. */
export type RedisClient = Redis | Cluster

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
type OnOutage = 'wait' | 'fail-fast'

/**
 * Opens a connection. Errors reach `onError`, never the process: an outage is not a crash.
 *
 * @throws RedisUnusableError where the URL is none
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

/** What this connection was refused within the last seconds; null where all is well, or it is away. */
export function lateTrouble(redis: RedisClient): RedisTrouble | null {
  return redis instanceof ResendingRedis || redis instanceof ResendingCluster ? redis.trouble : null
}

/**
 * Who waits is told why, also where ioredis only says that there is no connection, or nothing at all.
 * Once an outage: until the connection is ready again.
 */
function tellWhyAway(client: RedisClient, config: RedisConfig): void {
  let isTold = false
  let wasReady = false
  const explain = async (seen: string) => {
    if (isTold) return
    isTold = true
    // A connection that was ended by us is at its end only after this event.
    await setImmediate()
    if (!isMissed()) return
    const why = (await whyAway(config)) ?? new RedisUnavailableError('REDIS_AWAY', seen)
    // Meanwhile it may have connected, or be needed no more.
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
    // What ended a connection that worked, the next one says, but for those of a cluster.
    if (!wasReady || config.kind === 'cluster') void explain('the connection is closed')
  })
  client.on('end', () => clearTimeout(silence))
}

/** Whoever starts is told of a server that accepts and says nothing, long before `socketTimeout`. */
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
        // One that accepts and never answers must not keep the others from being asked.
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
        // Node looks names up itself, for each connection; certificates are for names.
        dnsLookup: (address, found) => found(null, address),
      }
      return waits ? new ResendingCluster([...nodes], own) : new FailFastCluster([...nodes], own)
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

function tlsOf(tls: boolean | RedisTls | undefined) {
  const options = tlsOptions(tls)
  return options === undefined ? {} : { tls: options }
}

/** For one Sentinel's answer, before the next is asked. */
const SENTINEL_MS = 2_000

/** `CLIENT SETINFO` is one more right to give, and an entry in the log of the ACL without it. */
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
        commandTimeout: COMMAND_MS,
        retryStrategy,
      }
    default:
      throw new TypeError(`Unknown choice ${String(onOutage satisfies never)}`)
  }
}
