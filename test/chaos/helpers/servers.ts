import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { orgKeys } from '../../../src/shared/store/ledger/keys.ts'
import type { RedisConfig } from '../../../src/shared/store/redis/redis.ts'
import { CLUSTER_PRIMARIES, startCluster, type TestCluster } from '../../helpers/cluster.ts'
import { startRedis, type TestRedis } from '../../helpers/redis.ts'
import type { Mishap } from './mishaps.ts'
import type { Scope } from './scope.ts'

/** The Redis of a run, in each form that a fleet may have. */
export interface Servers {
  /** For who connects from this process. */
  readonly config: RedisConfig
  /** `redis` of the configuration file. */
  readonly settings: Readonly<Record<string, unknown>>
  /** A failover may take away what nobody waited for, as docs/reliability.md says. */
  readonly forgets: boolean
  /** Each ends with everything healed. */
  mishaps(minutes: number): readonly Mishap[]
}

export async function singleServer(scope: Scope): Promise<Servers> {
  const redis = await startRedis(scope, { appendOnly: true })
  return {
    config: { kind: 'url', url: redis.url },
    settings: { url: redis.url },
    forgets: false,
    mishaps: (minutes) => outages([redis], minutes),
  }
}

/** The same of a cluster, with an org on each of its shards. */
interface ClusterServers extends Servers {
  readonly orgs: readonly string[]
}

/**
 * Three primaries, each with a replica, and an org on each. Nobody waits for replicas here, so only
 * mishaps are chosen after which the replica has what was answered: a primary that is killed has
 * sent it, one that is frozen would go on for a moment when it wakes.
 */
export async function cluster(scope: Scope): Promise<ClusterServers> {
  const group = await startCluster(scope, { nodeTimeoutMs: 1500 })
  const orgs = new Map<TestRedis, string>()
  for (let n = 0; orgs.size < CLUSTER_PRIMARIES; n++) {
    const name = `chaos-${n}`
    const shard = await group.primaryOf(orgKeys(name).requests)
    if (!orgs.has(shard)) orgs.set(shard, name)
  }
  const names = [...orgs.values()]
  const { nodes } = group.redis
  return {
    config: group.redis,
    settings: { cluster: { nodes: nodes.map(({ host, port }) => `${host}:${port}`) } },
    forgets: true,
    mishaps: () => promotions(group, names),
    orgs: names,
  }
}

/** One shard after the other loses its primary, or its replica. */
function promotions(group: TestCluster, orgs: readonly string[]): readonly Mishap[] {
  let turn = 0
  const next = () => group.primaryOf(orgKeys(orgs[turn++ % orgs.length] ?? '').requests)
  const mishap = (name: string, deed: (primary: TestRedis) => Promise<void>): Mishap => ({
    name,
    happen: async () => {
      await deed(await next())
      await group.healed()
    },
  })
  const replaced = mishap(
    'primary of a shard killed, and its replica promoted',
    async (primary) => {
      const org = orgs[(turn - 1) % orgs.length] ?? ''
      await primary.kill()
      while ((await group.primaryOf(orgKeys(org).requests)) === primary) await delay(50)
      await primary.restart()
    },
  )
  const restarted = mishap('primary of a shard killed and started again', (primary) =>
    primary.restart(),
  )
  const replica = mishap('replica of a shard down for 3 s', async () => {
    const roles = await Promise.all(group.nodes.map(group.isPrimary))
    const replicas = group.nodes.filter((_, n) => !roles[n])
    const node = replicas[turn % replicas.length]
    await node?.kill()
    await delay(3000)
    await node?.restart()
  })
  return [replaced, replaced, replaced, restarted, replica]
}

/** Every server is away now and then: frozen, or dead and started again on what its file holds. */
function outages(nodes: readonly TestRedis[], minutes: number): readonly Mishap[] {
  let turn = 0
  const next = (): TestRedis | undefined => nodes[turn++ % nodes.length]
  const isAway = (seconds: number): Mishap => ({
    name: `Redis stopped for ${seconds} s`,
    happen: async () => {
      const redis = next()
      if (redis === undefined) return
      process.kill(redis.pid, 'SIGSTOP')
      await delay(seconds * 1000)
      process.kill(redis.pid, 'SIGCONT')
    },
  })
  const isDown = (seconds: number): Mishap => ({
    name: seconds === 0 ? 'Redis killed and started again' : `Redis down for ${seconds} s`,
    happen: async () => {
      const redis = next()
      await redis?.kill()
      await delay(seconds * 1000)
      await redis?.restart()
    },
  })
  const all = [...[isDown(0), isDown(0), isDown(0)], ...[isDown(3), isAway(3)]]
  return [...all, isAway(15), ...(minutes < 5 ? [] : [...all, isDown(15), isDown(60), isAway(60)])]
}
