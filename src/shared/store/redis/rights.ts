import { Cluster, type Redis } from 'ioredis'

type Client = Redis | Cluster

/**
 * Every command that BullMQ's scripts, ours and the connections themselves send, with example
 * arguments; `K` stands for a key. docs/deployment.md lists the same as ACL rules.
 */
const COMMANDS = [
  ...['ping', 'info', 'time', 'wait 0 1', 'client setname x'],
  ...['eval x 1 K', 'evalsha x 1 K', 'bzpopmin K 1', 'type K', 'unlink K', 'del K', 'exists K'],
  ...['expire K 1', 'pexpire K 1', 'pexpireat K 1', 'persist K', 'ttl K', 'pttl K', 'rename K K'],
  ...['get K', 'mget K', 'set K x', 'incr K', 'incrby K 1'],
  ...['hdel K f', 'hexists K f', 'hget K f', 'hgetall K', 'hincrby K f 1', 'hkeys K', 'hlen K'],
  ...['hmget K f', 'hmset K f x', 'hscan K 0', 'hset K f x', 'hsetnx K f x', 'hvals K'],
  ...['lindex K 0', 'llen K', 'lpop K', 'lpos K x', 'lpush K x', 'lrange K 0 1', 'lrem K 0 x'],
  ...['lset K 0 x', 'ltrim K 0 1', 'rpop K', 'rpoplpush K K', 'rpush K x'],
  ...['sadd K x', 'scard K', 'sismember K x', 'smembers K', 'srem K x'],
  ...[
    'xadd K * f x',
    'xdel K 0-1',
    'xlen K',
    'xrange K - +',
    'xread STREAMS K 0',
    'xtrim K MAXLEN 0',
  ],
  ...['zadd K 1 x', 'zcard K', 'zcount K 0 1', 'zlexcount K - +', 'zpopmin K', 'zrange K 0 1'],
  ...['zrangebylex K - +', 'zrangebyscore K 0 1', 'zrem K x', 'zremrangebyrank K 0 1'],
  ...[
    'zremrangebyscore K 0 1',
    'zrevrange K 0 1',
    'zrevrangebyscore K 1 0',
    'zscore K x',
    'zmscore K x',
  ],
]
const OF_A_CLUSTER = ['cluster slots', 'cluster info', 'asking', 'readonly']

/** One key of each kind: of an org, of BullMQ's jobs, and of all orgs together. */
const KEYS = ['{expunge-0}:0', '{expunge-0}:requests:0', '{expunge:orgs}', '{expunge:http}:rate:0']
const [KEY = ''] = KEYS
const PATTERN = '~{expunge*'

/**
 * What the ACL denies the user of this connection. The commands are sent within `MULTI`, where the
 * server checks each and executes none, and the connection is closed instead of sending `EXEC`.
 * This needs no permission for `ACL DRYRUN`, which only administrators have and Redis 6.2 does not
 * support.
 */
export async function missingRights(redis: Client): Promise<readonly string[]> {
  const isCluster = redis instanceof Cluster
  const node = isCluster ? redis.nodes('master')[0] : redis
  if (node === undefined) return []
  const probe = node.duplicate({
    lazyConnect: true,
    retryStrategy: () => null,
    // The duplicated connection has already checked; each round trip delays every start.
    enableReadyCheck: false,
    // Resent commands would not be in the transaction.
    autoResendUnfulfilledCommands: false,
    commandTimeout: WITHIN_MS,
    maxRetriesPerRequest: 0,
  })
  probe.on('error', () => {})
  try {
    const isThere = await probe.connect().then(
      () => true,
      () => false,
    )
    if (!isThere) return []
    // Sent first and alone: outside a transaction the other commands would be executed.
    if ((await refusals(probe, ['multi'])).length > 0) return ['+multi']
    const touched = KEYS.map((key) => `exists ${key}`)
    return await refusals(probe, [...COMMANDS, ...(isCluster ? OF_A_CLUSTER : []), ...touched])
  } finally {
    probe.disconnect()
  }
}

const WITHIN_MS = 5000

/** The missing rules for these commands, which are sent in one write. */
async function refusals(probe: Redis, commands: readonly string[]): Promise<readonly string[]> {
  const calls = commands.map((text) => text.split(' ').map((arg) => (arg === 'K' ? KEY : arg)))
  const answers = (await probe.pipeline(calls.map((call) => ['call', ...call])).exec()) ?? []
  const rules = commands.flatMap((text, i) => {
    const [error] = answers[i] ?? []
    if (!error?.message.startsWith('NOPERM')) return []
    return /\bkeys?\b/.test(error.message) ? [PATTERN] : [`+${ruleOf(text)}`]
  })
  return [...new Set(rules)]
}

/** The ACL name of a command, such as `client|list`. */
function ruleOf(text: string): string {
  const [name = '', sub = ''] = text.split(' ')
  return name === 'client' || name === 'cluster' ? `${name}|${sub}` : name
}

/** All rules that the work needs, for the page that lists them. */
export function neededRules(): readonly string[] {
  const commands = [...COMMANDS, ...OF_A_CLUSTER, 'multi']
  return [PATTERN, ...commands.map((text) => `+${ruleOf(text)}`)]
}
