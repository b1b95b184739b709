import { existsSync } from 'node:fs'
import { ExpungeError } from '../../shared/base/errors.ts'
import { type Config, showRedis } from '../../shared/config/config.ts'
import {
  connectRedis,
  inspectRedis,
  mayEvict,
  type RedisClient,
  type RedisConfig,
  type RedisFacts,
  RedisUnavailableError,
} from '../../shared/store/redis/redis.ts'
import { missingRights } from '../../shared/store/redis/rights.ts'
import { detailOf, explained } from '../../shared/store/redis/trouble.ts'
import { withReason } from '../../shared/store/redis/why-away.ts'
import { countAttempts } from '../attempts.ts'
import { attachEmbeddedRedis } from '../embedded-redis/embedded-redis.ts'
import { findRedisServer } from '../embedded-redis/find-server.ts'
import { bytes, counted, percent } from '../render/format.ts'
import type { Screen } from '../screen.ts'
import { type Finding, fail, failed, ok, warn } from './finding.ts'

interface RedisChecked {
  readonly findings: readonly Finding[]
  /** Null if there is none to query (yet). */
  readonly client: RedisClient | null
}

/** The configured Redis, or the embedded server that a `run` on this machine would use. */
export async function checkRedis(
  config: Config,
  screen: Screen,
  opened: AsyncDisposableStack,
): Promise<RedisChecked> {
  if (config.redis !== null) return checkServer(config.redis, showRedis(config.redis), opened)
  const options = { home: config.home, env: screen.env, log: () => {} }
  try {
    const embedded = existsSync(config.home) ? await attachEmbeddedRedis(options) : null
    if (embedded !== null) {
      opened.defer(() => embedded.stop())
      const where = `${config.home} (embedded)`
      return checkServer({ kind: 'socket', path: embedded.socket }, where, opened)
    }
    const { version, command } = await findRedisServer(options)
    const found = `not configured: \`run\` starts ${command} ${version}, data in ${config.home}`
    return { findings: [ok('Redis', found)], client: null }
  } catch (error) {
    return { findings: [failed('Redis', error)], client: null }
  }
}

async function checkServer(
  config: RedisConfig,
  shown: string,
  opened: AsyncDisposableStack,
): Promise<RedisChecked> {
  const attempts = countAttempts()
  const client = connectRedis(config, 'fail-fast', attempts.failed)
  opened.defer(() => client.disconnect())
  try {
    const facts = await explained(() => inspectRedis(client))
    const found = judge(facts, shown, config)
    // A Sentinel supports hardly any of the commands.
    if (facts.isSentinel) return { findings: found, client: null }
    return { findings: [...found, judgeRights(await missingRights(client))], client }
  } catch (error) {
    const words = attempts.words()
    return { findings: [unreachable(shown, await withReason(config, error), words)], client: null }
  }
}

function unreachable(shown: string, error: unknown, attempts: string): Finding {
  const isAway = error instanceof RedisUnavailableError && error.code === 'REDIS_AWAY'
  if (error instanceof ExpungeError && !isAway) return fail('Redis', `${shown}: ${error.message}`)
  const advice = 'Check that the server runs, its address, its password and the way to it.'
  return fail('Redis', `${shown} does not answer: ${detailOf(error)} (${attempts})`, advice)
}

/** What the server's ACL allows this user. */
function judgeRights(missing: readonly string[]): Finding {
  if (missing.length === 0) return ok('Redis rights', 'every command and key that is needed')
  const advice = `ACL SETUSER with: ${missing.join(' ')} (see docs/deployment.md).`
  return fail('Redis rights', `the user lacks ${missing.length} of them`, advice)
}

const FULL = 0.7

/** Whether the server is suitable for requests. */
export function judge(
  facts: RedisFacts,
  shown: string,
  { volatile = false, kind }: Partial<Pick<RedisConfig, 'volatile' | 'kind'>> = {},
): readonly Finding[] {
  const server = `${facts.product} ${facts.version} at ${shown}`
  if (facts.isSentinel) {
    return [
      fail(
        'Redis',
        `${server} is a Sentinel`,
        'Name it as redis.sentinel in the configuration file.',
      ),
    ]
  }
  return [
    facts.supported
      ? ok('Redis', server)
      : fail('Redis', server, 'Upgrade to Redis 6.2 or newer, or Valkey 8 or newer.'),
    facts.role === 'master'
      ? ok('Redis role', 'takes writes')
      : fail('Redis role', roleOf(facts), 'Name the primary in REDIS_URL.'),
    facts.evictionPolicy === 'noeviction'
      ? ok('Redis eviction', 'noeviction: nothing vanishes')
      : (mayEvict(facts) ? fail : warn)(
          'Redis eviction',
          `maxmemory-policy is ${facts.evictionPolicy}: requests may vanish`,
          'Set maxmemory-policy to noeviction.',
        ),
    facts.appendOnly
      ? ok('Redis persistence', 'append-only file is on')
      : (volatile ? warn : fail)(
          'Redis persistence',
          `no append-only file${volatile ? ', as redis.volatile allows' : ''}: a restart loses requests`,
          volatile ? 'Set appendonly to yes.' : 'Set appendonly to yes, or redis.volatile: true.',
        ),
    ...replication(facts, kind === 'sentinel'),
    memory(facts),
  ]
}

/** After a failover, a primary that was frozen or cut off accepts writes until it learns of it. */
function replication(
  { replicas, needsReplicas }: RedisFacts,
  hasSentinel: boolean,
): readonly Finding[] {
  if (replicas === 0 && !hasSentinel) return []
  const found = `${counted(replicas, 'replica')} connected`
  if (needsReplicas) return [ok('Redis replicas', `${found}, needed for writes`)]
  return [
    warn(
      'Redis replicas',
      `${found}, and min-replicas-to-write is 0: a failover may lose what was accepted`,
      'Set min-replicas-to-write 1 and min-replicas-max-lag 10 on every server, and redis.replicas: 1.',
    ),
  ]
}

function roleOf({ role, primary }: RedisFacts): string {
  return role === 'slave' ? `this is a replica of ${primary}` : `this is a ${role}`
}

function memory({ usedMemory, maxMemory }: RedisFacts): Finding {
  if (maxMemory === 0) return ok('Redis memory', `${bytes(usedMemory)} used, no limit set`)
  const found = `${bytes(usedMemory)} of ${bytes(maxMemory)} used (${percent(usedMemory, maxMemory)})`
  return usedMemory / maxMemory < FULL
    ? ok('Redis memory', found)
    : warn('Redis memory', found, 'Raise maxmemory: above 70 % no plan is made.')
}
