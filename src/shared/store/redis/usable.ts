import { Cluster, type Redis } from 'ioredis'
import { ExpungeError } from '../../base/errors.ts'
import { missingRights } from './rights.ts'
import { detailOf, isLasting, RedisUnavailableError, troubleOf } from './trouble.ts'

type Client = Redis | Cluster

/** Redis cannot be used as it is; the message says what to change. */
export class RedisUnusableError extends ExpungeError {
  readonly code = 'REDIS_UNUSABLE'
}

/**
 * Waits until the server answers, and rejects one that cannot keep our data safe.
 *
 * @param may `volatile`: the server need not keep an append-only file
 * @throws RedisUnusableError for a refused connection, missing permissions, an old version, a
 *   replica, eviction, or data that is not on disk
 */
export async function assertUsable(
  redis: Client,
  { volatile = false }: { readonly volatile?: boolean } = {},
): Promise<RedisFacts> {
  const facts = await unlessRefused(redis, inspectRedis(redis))
  const reason =
    unusable(facts) ??
    (volatile ? null : forgetful(facts)) ??
    (await scattered(redis, facts)) ??
    denied(await missingRights(redis))
  if (reason !== null) throw new RedisUnusableError(`Redis: ${reason}`)
  return facts
}

function unusable({ product, version, supported, ...facts }: RedisFacts): string | null {
  if (facts.isSentinel) {
    return (
      'expected a server, got a Sentinel. Name it as redis.sentinel in the file that EXPUNGE_CONFIG names, ' +
      'with the name of the primary that it watches.'
    )
  }
  if (!supported) {
    return `expected Redis 6.2 or newer, or Valkey 8 or newer, got ${product} ${version}. Upgrade the server.`
  }
  if (facts.role === 'slave') {
    return (
      `expected a primary, got a replica${facts.primary === null ? '' : ` of ${facts.primary}`}, which takes no writes. ` +
      'Name the primary in REDIS_URL, or have Sentinel find it (configuration file).'
    )
  }
  if (mayEvict(facts)) {
    return (
      `expected maxmemory-policy noeviction, got ${facts.evictionPolicy} with maxmemory set: once it is full, requests ` +
      'and ids would vanish without a word. Set maxmemory-policy to noeviction (CONFIG SET, and in the configuration file of the server).'
    )
  }
  return null
}

/**
 * A single cluster node answers `MOVED` for other nodes' keys, which only a cluster client follows.
 */
async function scattered(redis: Client, { isNode }: RedisFacts): Promise<string | null> {
  if (!isNode || redis instanceof Cluster) return null
  const state = await redis.cluster('INFO').catch(() => '')
  const size = Number(/cluster_size:(\d+)/.exec(String(state))?.[1] ?? 1)
  return size <= 1
    ? null
    : `expected one server, got a node of a cluster of ${size}. Name its nodes as redis.cluster in the file that EXPUNGE_CONFIG names.`
}

function denied(missing: readonly string[]): string | null {
  return missing.length === 0
    ? null
    : `its ACL denies the user what the work needs. Ask for ACL SETUSER with: ${missing.join(' ')}. docs/deployment.md lists all of it.`
}

function forgetful({ appendOnly }: RedisFacts): string | null {
  return appendOnly
    ? null
    : 'expected an append-only file, got none (appendonly no): a restart would lose requests, and what became of records that ' +
        'are being deleted. Set appendonly to yes (CONFIG SET, and in the configuration file of the server); or, where that may be ' +
        'lost, say redis.volatile: true in the file that EXPUNGE_CONFIG names (volatile: true in the library).'
}

/** Whether the server may evict keys. Without `maxmemory` the policy has no effect. */
export function mayEvict({
  evictionPolicy,
  maxMemory,
}: Pick<RedisFacts, 'evictionPolicy' | 'maxMemory'>): boolean {
  return evictionPolicy !== 'noeviction' && maxMemory > 0
}

/** Rejects at once if the server refuses the connection itself, because waiting would never end. */
async function unlessRefused<T>(redis: Client, work: Promise<T>): Promise<T> {
  let onError = (_: unknown) => {}
  const refused = new Promise<never>((_, reject) => {
    onError = (error) => {
      if (lastingIn(error) !== null) reject(error)
    }
  })
  redis.on('error', onError)
  try {
    return await Promise.race([refused, work])
  } catch (error) {
    throw lastingIn(error) ?? error
  } finally {
    redis.off('error', onError)
    // The later result of the two is ignored.
    work.catch(() => {})
  }
}

/** Converts a lasting problem to an error that ends the process; null for temporary ones. */
export function lastingIn(error: unknown): RedisUnusableError | null {
  const trouble = troubleOf(error)
  if (trouble === null || !isLasting(trouble)) return null
  return new RedisUnusableError(new RedisUnavailableError(trouble, detailOf(error)).message)
}

/** The relevant facts about a server: its version, and whether it may lose data. */
export interface RedisFacts {
  readonly product: 'redis' | 'valkey'
  readonly version: string
  readonly supported: boolean
  /** `master` or `slave`. */
  readonly role: string
  /** Address of a replica's primary, `host:port` as the replica knows it; null for a primary. */
  readonly primary: string | null
  /** `noeviction` is the only policy that never drops keys. */
  readonly evictionPolicy: string
  readonly appendOnly: boolean
  /** Replicas connected now. */
  readonly replicas: number
  /** Whether it accepts writes only while replicas follow it (`min-replicas-to-write`). */
  readonly needsReplicas: boolean
  /** Bytes; 0 if no limit is set. */
  readonly maxMemory: number
  readonly usedMemory: number
  /** Whether it is a cluster node, perhaps the only one. */
  readonly isNode: boolean
  /** Whether it is a Sentinel instead of a server. */
  readonly isSentinel: boolean
}

export async function inspectRedis(redis: Client): Promise<RedisFacts> {
  const info = parseInfo(await redis.info())
  const valkey = info.get('valkey_version')
  const version = valkey ?? info.get('redis_version') ?? '0'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return {
    product: valkey === undefined ? 'redis' : 'valkey',
    version,
    supported: valkey === undefined ? major > 6 || (major === 6 && minor >= 2) : major >= 8,
    role: info.get('role') ?? 'unknown',
    primary: info.has('master_host')
      ? `${info.get('master_host')}:${info.get('master_port') ?? ''}`
      : null,
    evictionPolicy: info.get('maxmemory_policy') ?? 'unknown',
    appendOnly: info.get('aof_enabled') === '1',
    replicas: Number(info.get('connected_slaves') ?? 0),
    // Reported only if it is set.
    needsReplicas: info.has('min_slaves_good_slaves'),
    maxMemory: Number(info.get('maxmemory') ?? 0),
    usedMemory: Number(info.get('used_memory') ?? 0),
    isNode: info.get('cluster_enabled') === '1',
    isSentinel: info.get('redis_mode') === 'sentinel',
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
