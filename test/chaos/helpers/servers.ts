import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { connectRedis, type RedisConfig } from '../../../src/shared/store/redis/redis.ts'
import { freePort } from '../../helpers/free-port.ts'
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

const SLOTS = 16_384
const NODES = 3

/** Three primaries: the org's keys are on one of them, and nobody here knows on which. */
export async function cluster(scope: Scope): Promise<Servers> {
  // By itself a node takes its own port plus 10,000, which may be above 65,535.
  const buses = await Promise.all(Array.from({ length: NODES }, () => freePort()))
  const nodes = await Promise.all(
    buses.map((bus) =>
      startRedis(scope, {
        appendOnly: true,
        args: ['--cluster-enabled', 'yes', '--cluster-port', String(bus)],
      }),
    ),
  )
  await join(nodes, buses)
  const hosts = nodes.map(({ host, port }) => ({ host, port }))
  return {
    config: { kind: 'cluster', nodes: hosts, tls: false },
    settings: { cluster: { nodes: hosts.map(({ host, port }) => `${host}:${port}`) } },
    forgets: false,
    mishaps: (minutes) => outages(nodes, minutes),
  }
}

/** Gives each node its share of the slots, and waits until all of them know all of it. */
async function join(nodes: readonly TestRedis[], buses: readonly number[]): Promise<void> {
  const clients = nodes.map(({ url }) => connectRedis({ kind: 'url', url }, 'wait', () => {}))
  try {
    const [first] = nodes
    for (const [n, client] of clients.entries()) {
      const from = Math.ceil((n * SLOTS) / NODES)
      const to = Math.ceil(((n + 1) * SLOTS) / NODES) - 1
      await client.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
      if (first === undefined) continue
      await client.call('CLUSTER', 'MEET', first.host, first.port, buses[0] ?? 0)
    }
    const isWhole = (info: unknown) =>
      String(info).includes('cluster_state:ok') && String(info).includes(`known_nodes:${NODES}`)
    for (const client of clients) {
      while (!isWhole(await client.call('CLUSTER', 'INFO'))) await delay(50)
    }
  } finally {
    for (const client of clients) client.disconnect()
  }
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
