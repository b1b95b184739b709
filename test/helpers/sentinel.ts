import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { askRedis } from '../../src/cli/embedded-redis/ask.ts'
import { startRedisProcess } from '../../src/cli/embedded-redis/redis-process.ts'
import type { RedisConfig } from '../../src/shared/store/redis/redis.ts'
import { freePort } from './free-port.ts'
import { server, startRedis, type TestRedis } from './redis.ts'

/** What a Sentinel calls its primary. */
export const NAME = 'main'
/** Without an answer for so long a primary counts as gone. */
const DOWN_AFTER_MS = 500

interface Scope {
  after(fn: () => Promise<void>): void
}

export interface TestSentinel {
  readonly port: number
  /** How to get to the primary by it. */
  readonly redis: RedisConfig
  /** Has it promote the replica, whatever it thinks of the primary. */
  promote(): Promise<void>
  /** SIGKILL, and waits until the process is gone. */
  kill(): Promise<void>
  /** Starts it again with what it had written down. */
  restart(): Promise<void>
}

interface Watch {
  /** Sentinels that must agree that the primary is gone. */
  readonly quorum?: number
  readonly downAfterMs?: number
}

/** A Sentinel that is quick to give up the primary that it watches: alone, unless told otherwise. */
export async function startSentinel(
  t: Scope,
  primary: TestRedis,
  { quorum = 1, downAfterMs = DOWN_AFTER_MS }: Watch = {},
): Promise<TestSentinel> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-test-sentinel-'))
  const port = await freePort()
  const configuration = join(folder, 'sentinel.conf')
  await writeFile(
    configuration,
    `bind 127.0.0.1
port ${port}
dir ${JSON.stringify(folder)}
sentinel monitor ${NAME} 127.0.0.1 ${primary.port} ${quorum}
sentinel down-after-milliseconds ${NAME} ${downAfterMs}
sentinel failover-timeout ${NAME} 5000
`,
  )
  const start = async () =>
    startRedisProcess({
      server: await server(),
      address: { host: '127.0.0.1', port },
      logFile: join(folder, 'sentinel.log'),
      args: [configuration, '--sentinel'],
    })
  let sentinel = await start()
  const kill = () => sentinel.kill('SIGKILL')
  t.after(async () => {
    await kill()
    await rm(folder, { recursive: true, force: true })
  })
  const sentinels = [{ host: '127.0.0.1', port }] as const
  return {
    port,
    redis: { kind: 'sentinel', sentinels, name: NAME, tls: false },
    promote: async () => {
      const order = () => askRedis(sentinels[0], `SENTINEL FAILOVER ${NAME}`, 1000).catch(() => '')
      while (!(await order()).startsWith('OK')) await delay(10)
    },
    kill,
    restart: async () => {
      await kill()
      sentinel = await start()
    },
  }
}

interface Replicated {
  readonly primary: TestRedis
  readonly replica: TestRedis
  readonly sentinel: TestSentinel
}

/** A primary and its replica, in step, and a Sentinel that knows both. */
export async function startReplicated(t: Scope, watch?: Watch): Promise<Replicated> {
  const soon = ['--repl-diskless-sync-delay', '0']
  const primary = await startRedis(t, { appendOnly: true, args: soon })
  const replicaOf = ['--replicaof', primary.host, String(primary.port)]
  const replica = await startRedis(t, { appendOnly: true, args: [...soon, ...replicaOf] })
  const tells = async ({ port }: Pick<TestRedis, 'port'>, section: string, wanted: RegExp) => {
    const address = { host: '127.0.0.1', port }
    while (!wanted.test(await askRedis(address, `INFO ${section}`, 1000).catch(() => ''))) {
      await delay(10)
    }
  }
  await tells(primary, 'replication', /state=online/)
  const sentinel = await startSentinel(t, primary, watch)
  await tells(sentinel, 'sentinel', /slaves=1,/)
  return { primary, replica, sentinel }
}
