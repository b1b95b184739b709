import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRedisProcess } from '../../src/cli/embedded-redis/redis-process.ts'
import type { RedisConfig } from '../../src/shared/redis.ts'
import { server, type TestRedis } from './redis.ts'

const NAME = 'main'
/** Without an answer for so long a primary counts as gone. */
const DOWN_AFTER_MS = 500

interface Scope {
  after(fn: () => Promise<void>): void
}

export interface TestSentinel {
  readonly port: number
  /** How to get to the primary by it. */
  readonly redis: RedisConfig
}

/** A Sentinel that watches a primary alone, and is quick to give it up. */
export async function startSentinel(t: Scope, primary: TestRedis): Promise<TestSentinel> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-test-sentinel-'))
  const port = await freePort()
  const configuration = join(folder, 'sentinel.conf')
  await writeFile(
    configuration,
    `bind 127.0.0.1
port ${port}
dir ${JSON.stringify(folder)}
sentinel monitor ${NAME} 127.0.0.1 ${primary.port} 1
sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}
sentinel failover-timeout ${NAME} 5000
`,
  )
  const sentinel = await startRedisProcess({
    server: await server(),
    address: { host: '127.0.0.1', port },
    logFile: join(folder, 'sentinel.log'),
    args: [configuration, '--sentinel'],
  })
  t.after(async () => {
    await sentinel.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })
  const sentinels = [{ host: '127.0.0.1', port }]
  return { port, redis: { kind: 'sentinel', sentinels, name: NAME, tls: false } }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('Expected a TCP port')
  return address.port
}
