import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { askRedis } from '../../../src/cli/embedded-redis/ask.ts'
import { startRedis, type TestRedis } from '../../helpers/redis.ts'
import { NAME, startSentinel, type TestSentinel } from '../../helpers/sentinel.ts'
import type { Mishap } from './mishaps.ts'
import type { Scope } from './scope.ts'
import type { Servers } from './servers.ts'
import { untilFine } from './wait.ts'

/** A primary with replicas, and the Sentinels that promote another when it is gone. */

const REPLICAS = 2
const SENTINELS = 3
/** Longer than a busy machine holds up a healthy server. */
const DOWN_AFTER_MS = 1500
/** A Sentinel looks for eight seconds before it gives a server that came back another role. */
const HEAL_WITHIN_MS = 90_000
const ANSWER_WITHIN_MS = 1000

interface Group {
  readonly nodes: readonly TestRedis[]
  readonly sentinels: readonly TestSentinel[]
}

/**
 * Two replicas, and callers who wait for both: whichever is promoted has what was answered. A
 * primary that no replica follows takes no writes, which bounds how long an old one goes on.
 */
export async function sentinel(scope: Scope): Promise<Servers> {
  const nodes = await Promise.all(Array.from({ length: REPLICAS + 1 }, () => startNode(scope)))
  const [primary, ...replicas] = nodes
  if (primary === undefined) throw new TypeError('Expected a primary.')
  for (const replica of replicas) await ask(replica, `REPLICAOF ${primary.host} ${primary.port}`)
  for (const node of nodes) await ask(node, 'CONFIG REWRITE')
  const watch = { quorum: 2, downAfterMs: DOWN_AFTER_MS }
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, () => startSentinel(scope, primary, watch)),
  )
  const group = { nodes, sentinels }
  await healed(group)
  const hosts = sentinels.map(({ port }) => ({ host: '127.0.0.1', port }))
  return {
    config: { kind: 'sentinel', name: NAME, sentinels: hosts, tls: false, replicas: REPLICAS },
    settings: {
      sentinel: { name: NAME, nodes: hosts.map(({ host, port }) => `${host}:${port}`) },
      replicas: REPLICAS,
    },
    forgets: true,
    mishaps: () => failures(group),
  }
}

function startNode(scope: Scope): Promise<TestRedis> {
  return startRedis(scope, {
    appendOnly: true,
    ownFile: true,
    args: [
      ...['--min-replicas-to-write', '1', '--min-replicas-max-lag', '3'],
      ...['--repl-diskless-sync-delay', '0'],
    ],
  })
}

function failures(group: Group): readonly Mishap[] {
  let turn = 0
  const mishap = (name: string, deed: () => Promise<void>): Mishap => ({
    name,
    happen: async () => {
      await deed()
      await healed(group)
    },
  })
  const killed = mishap('primary killed, and another promoted', async () => {
    const primary = await primaryOf(group)
    await primary.kill()
    await replaced(group, primary)
    await primary.restart()
  })
  const frozen = mishap('primary frozen until another was promoted, and woken', async () => {
    const primary = await primaryOf(group)
    process.kill(primary.pid, 'SIGSTOP')
    await replaced(group, primary)
    process.kill(primary.pid, 'SIGCONT')
  })
  const restarted = mishap('primary killed and started again', async () => {
    await (await primaryOf(group)).restart()
  })
  const replica = mishap('replica down for 3 s', async () => {
    const primary = await primaryOf(group)
    const replicas = group.nodes.filter((node) => node !== primary)
    const node = replicas[turn++ % replicas.length]
    await node?.kill()
    await delay(3000)
    await node?.restart()
  })
  const watcher = mishap('Sentinel down for 3 s', async () => {
    const one = group.sentinels[turn++ % group.sentinels.length]
    await one?.kill()
    await delay(3000)
    await one?.restart()
  })
  return [killed, frozen, killed, frozen, restarted, replica, watcher]
}

async function primaryOf({ nodes }: Group): Promise<TestRedis> {
  const roles = await Promise.all(nodes.map(roleOf))
  const primary = nodes[roles.indexOf('master')]
  if (primary === undefined) throw new Error(`No primary: the roles are ${roles.join(', ')}.`)
  return primary
}

/** Until the Sentinels lead elsewhere, and the server there knows it. */
async function replaced(group: Group, old: TestRedis): Promise<void> {
  const others = group.nodes.filter((node) => node !== old)
  await settled('another primary', async () => {
    const roles = await Promise.all(others.map(roleOf))
    return roles.includes('master') ? [] : [`the roles are ${roles.join(', ')}`]
  })
}

/** One primary, all others follow it, and every Sentinel knows all of them. */
function healed(group: Group): Promise<void> {
  return settled('a healthy group', async () => {
    const infos = await Promise.all(group.nodes.map((node) => info(node, 'replication')))
    const at = infos.findIndex((text) => text.includes('role:master'))
    const isWhole =
      infos.filter((text) => text.includes('role:master')).length === 1 &&
      (infos[at]?.match(/state=online/g) ?? []).length === group.nodes.length - 1
    const known = await Promise.all(group.sentinels.map((one) => info(one, 'sentinel')))
    const wanted = `status=ok,address=127.0.0.1:${group.nodes[at]?.port},slaves=${REPLICAS},sentinels=${SENTINELS}`
    const isKnown = known.every((text) => text.includes(wanted))
    return isWhole && isKnown ? [] : [`expected ${wanted}; ${[...infos, ...known].join('; ')}`]
  })
}

async function settled(what: string, look: () => Promise<readonly string[]>): Promise<void> {
  const complaints = await untilFine(HEAL_WITHIN_MS, look)
  if (complaints.length > 0) throw new Error(`No ${what}: ${complaints.join('; ')}`)
}

async function roleOf(node: TestRedis): Promise<string> {
  return /^role:(\w+)/m.exec(await info(node, 'replication'))?.[1] ?? 'none'
}

/** Empty where it is away. */
const info = (server: { readonly port: number }, section: string): Promise<string> =>
  ask(server, `INFO ${section}`).catch(() => '')

const ask = ({ port }: { readonly port: number }, command: string): Promise<string> =>
  askRedis({ host: '127.0.0.1', port }, command, ANSWER_WITHIN_MS)
