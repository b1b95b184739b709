import { setTimeout as delay } from 'node:timers/promises'
import { askRedis } from '../../src/cli/embedded-redis/ask.ts'
import type { RedisConfig } from '../../src/shared/store/redis/redis.ts'
import { freePort } from './free-port.ts'
import { startRedis, type TestRedis } from './redis.ts'

const SLOTS = 16_384
export const CLUSTER_PRIMARIES = 3
const HEAL_WITHIN_MS = 90_000
const ANSWER_WITHIN_MS = 1000

interface Scope {
  after(fn: () => Promise<void>): void
}

export interface TestCluster {
  readonly nodes: readonly TestRedis[]
  readonly redis: Extract<RedisConfig, { kind: 'cluster' }>
  /** The primary that has the key's slot now, as the nodes that answer believe. */
  primaryOf(key: string): Promise<TestRedis>
  /** Whether it is a primary that answers. */
  isPrimary(node: TestRedis): Promise<boolean>
  /** Makes the replica of this primary, which is gone, the primary. */
  promoteFor(primary: TestRedis): Promise<void>
  /** Resolves once every slot has a primary, every primary its replica, and all know it. */
  healed(): Promise<void>
}

interface ClusterOptions {
  /** Replicas of each primary. */
  readonly replicas?: number
  /**
   * Without an answer for so long a primary is replaced. By default only `promoteFor` replaces one,
   * so that nodes that stand still on a busy machine lose no shard.
   */
  readonly nodeTimeoutMs?: number
}

/**
 * Three primaries with their replicas. A shard whose primary is gone is the only one that does not
 * answer until its replica is promoted.
 */
export async function startCluster(
  t: Scope,
  { replicas = 1, nodeTimeoutMs = 600_000 }: ClusterOptions = {},
): Promise<TestCluster> {
  // By itself a node takes its own port plus 10,000, which may be above 65,535.
  const buses = await Promise.all(
    Array.from({ length: CLUSTER_PRIMARIES * (1 + replicas) }, () => freePort()),
  )
  const nodes = await Promise.all(
    buses.map((bus) =>
      startRedis(t, {
        appendOnly: true,
        args: [
          ...['--cluster-enabled', 'yes', '--cluster-port', String(bus)],
          ...['--cluster-node-timeout', String(nodeTimeoutMs)],
          ...['--cluster-require-full-coverage', 'no', '--cluster-replica-validity-factor', '0'],
          ...['--cluster-migration-barrier', '9', '--repl-diskless-sync-delay', '0'],
        ],
      }),
    ),
  )
  const healed = () =>
    settled(async () => {
      const views = await Promise.all(nodes.map(viewOf))
      return views.every((view) => view !== null && isWhole(view, nodes.length, replicas))
    })
  await join(nodes, buses)
  await healed()
  const hosts = nodes.map(({ host, port }) => ({ host, port }))
  return {
    nodes,
    redis: { kind: 'cluster', nodes: hosts, tls: false },
    primaryOf: async (key) => {
      for (const node of nodes) {
        const view = await viewOf(node)
        const slot = Number(/\d+/.exec(await ask(node, `CLUSTER KEYSLOT ${key}`))?.[0] ?? -1)
        const owner = view?.find(({ slots }) => slots.some(([a, b]) => a <= slot && slot <= b))
        const found = nodes.find(({ port }) => port === owner?.port)
        if (found !== undefined) return found
      }
      throw new Error(`No node knows a primary of ${key}.`)
    },
    isPrimary: async (node) => (await ask(node, 'INFO replication')).includes('role:master'),
    promoteFor: async ({ port }) => {
      for (const node of nodes) {
        const facts = await ask(node, 'INFO replication')
        const isReplica = facts.includes('role:slave') && facts.includes(`master_port:${port}\r`)
        if (isReplica) await ask(node, 'CLUSTER FAILOVER TAKEOVER')
      }
    },
    healed,
  }
}

/** Gives each primary its share of the slots, and each replica its primary. */
async function join(nodes: readonly TestRedis[], buses: readonly number[]): Promise<void> {
  for (const [n, node] of nodes.entries()) {
    if (n < CLUSTER_PRIMARIES) {
      const from = Math.ceil((n * SLOTS) / CLUSTER_PRIMARIES)
      const to = Math.ceil(((n + 1) * SLOTS) / CLUSTER_PRIMARIES) - 1
      await ask(node, `CLUSTER ADDSLOTSRANGE ${from} ${to}`)
    }
    // By gossip alone they would take a second longer to know each other.
    for (const [m, other] of nodes.slice(0, n).entries()) {
      await ask(node, `CLUSTER MEET ${other.host} ${other.port} ${buses[m]}`)
    }
  }
  await settled(async () => {
    const views = await Promise.all(nodes.map(viewOf))
    return views.every((view) => view?.length === nodes.length)
  })
  const ids = await Promise.all(
    nodes.slice(0, CLUSTER_PRIMARIES).map((node) => ask(node, 'CLUSTER MYID')),
  )
  for (const [n, node] of nodes.slice(CLUSTER_PRIMARIES).entries()) {
    const id = /[0-9a-f]{40}/.exec(ids[n % CLUSTER_PRIMARIES] ?? '')?.[0]
    await ask(node, `CLUSTER REPLICATE ${id}`)
  }
}

/** A node as another one sees it. */
interface Seen {
  readonly port: number
  readonly flags: readonly string[]
  readonly isLinked: boolean
  readonly slots: readonly (readonly [number, number])[]
}

/** Null where the node is away. */
async function viewOf(node: TestRedis): Promise<readonly Seen[] | null> {
  const text = await ask(node, 'CLUSTER NODES').catch(() => '')
  const lines = [...text.matchAll(/^([0-9a-f]{40} .*)$/gm)].map(([, line = '']) => line.trim())
  if (lines.length === 0) return null
  return lines.map((line) => {
    const [, address = '', flags = '', , , , , link = '', ...slots] = line.split(' ')
    return {
      port: Number(/:(\d+)/.exec(address)?.[1]),
      flags: flags.split(','),
      isLinked: link === 'connected',
      slots: slots.map((range) => {
        const [from = -1, to = from] = range.split('-').map(Number)
        return [from, to] as const
      }),
    }
  })
}

function isWhole(view: readonly Seen[], nodes: number, replicas: number): boolean {
  const isFine = ({ flags, isLinked }: Seen) =>
    isLinked && !flags.some((flag) => flag.startsWith('fail') || flag === 'handshake')
  const owners = view.filter(({ slots }) => slots.length > 0)
  const covered = owners.flatMap(({ slots }) => slots).reduce((sum, [a, b]) => sum + b - a + 1, 0)
  const followers = view.filter(({ flags }) => flags.includes('slave'))
  return (
    view.length === nodes &&
    view.every(isFine) &&
    covered === SLOTS &&
    owners.length === CLUSTER_PRIMARIES &&
    followers.length === CLUSTER_PRIMARIES * replicas
  )
}

async function settled(look: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + HEAL_WITHIN_MS
  while (!(await look())) {
    if (Date.now() > end) throw new Error('The cluster has not healed.')
    await delay(50)
  }
}

const ask = ({ port }: Pick<TestRedis, 'port'>, command: string): Promise<string> =>
  askRedis({ host: '127.0.0.1', port }, command, ANSWER_WITHIN_MS).catch(() => '')
