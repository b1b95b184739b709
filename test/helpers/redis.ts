import { rmSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedRedisError } from '../../src/cli/embedded-redis/errors.ts'
import { findRedisServer, type RedisServer } from '../../src/cli/embedded-redis/find-server.ts'
import { startRedisProcess } from '../../src/cli/embedded-redis/redis-process.ts'
import { freePort } from './free-port.ts'

export interface TestRedis {
  readonly url: string
  readonly host: string
  readonly port: number
  /** The server's process; it changes with `restart`. */
  readonly pid: number
  /** Ends it and removes its folder. Done by `t.after` anyway; safe to repeat. */
  stop(): Promise<void>
  /** SIGKILL, and waits until the process is gone: an outage begins. */
  kill(): Promise<void>
  /** Starts it again on the same port: with `appendOnly` everything is there again, else nothing. */
  restart(): Promise<void>
}

export interface TestRedisOptions {
  /**
   * Persist to an append-only file at once, so that data outlives `kill` and `restart`. Without it there
   * is one, as every server is to have, but nobody waits for the disk; `restart` finds nothing.
   */
  readonly appendOnly?: boolean
  /** A configuration file of its own, so that the role that Sentinel gives it outlives a restart. */
  readonly ownFile?: boolean
  /** More of redis-server's own arguments, `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[]
}

/** Where to register the end: a test's context, or `{ after }` of node:test at a module's top. */
interface Scope {
  after(fn: () => Promise<void>): void
  skip?(reason: string): void
}

/**
 * A real Redis for a test. Those without options share one for as long as the process lives: each
 * gets it at the top of its module:
 *
 *     const redis = await startRedis({ after })
 *
 * Nobody empties it: name the orgs or the prefixes of a test uniquely, never flush, never assert on
 * all keys. With TEST_REDIS_URL it is that server, for all processes.
 *
 * A server of its own, in about 20 ms, for a test that breaks it, or that needs it alone: with
 * options, if only `{}`. Not inside a `before` hook: an `after` there runs at the end of the hook.
 *
 * Without any server, a test is skipped with the reason, and fails under CI.
 */
export async function startRedis(scope: Scope, options?: TestRedisOptions): Promise<TestRedis> {
  const shared = process.env['TEST_REDIS_URL']
  if (shared !== undefined && shared !== '' && options === undefined) return sharedRedis(shared)
  const reason = await redisUnavailable()
  if (reason !== false) {
    scope.skip?.(reason)
    throw new Error(reason)
  }
  if (options === undefined) {
    common ??= startCommon()
    return common
  }
  const redis = await spawnRedis(await server(), options)
  scope.after(() => redis.stop())
  return redis
}

const IS_CI = !['', 'false'].includes(process.env['CI'] ?? '')

/**
 * For `test(title, { skip: await redisUnavailable() }, …)`: why no server can be started here,
 * or false. Under CI it throws instead: there a missing part is a failure.
 */
export async function redisUnavailable(): Promise<string | false> {
  try {
    await server()
    return false
  } catch (error) {
    const isMissing = error instanceof EmbeddedRedisError && error.code === 'REDIS_SERVER_NOT_FOUND'
    if (!isMissing || IS_CI) throw error
    return error.message.split('\n')[0] ?? error.message
  }
}

let common: Promise<TestRedis> | undefined

async function startCommon(): Promise<TestRedis> {
  const { url, folder, pid } = await spawnRedis(await server(), {})
  // Only then: hooks of other files of this process still talk to it when this file's have run.
  process.once('exit', () => {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended before us.
    }
    rmSync(folder, { recursive: true, force: true })
  })
  return sharedRedis(url)
}

let found: Promise<RedisServer> | undefined

/** The program, looked for once in a process. */
export function server(): Promise<RedisServer> {
  found ??= findRedisServer({ env: process.env, log: (line) => console.error(`# ${line}`) })
  return found
}

async function spawnRedis(
  program: RedisServer,
  options: TestRedisOptions,
): Promise<TestRedis & { readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'expunge-test-redis-'))
  const logFile = join(folder, 'redis.log')
  const ownFile = join(folder, 'redis.conf')
  if (options.ownFile) await writeFile(ownFile, '')
  const start = (port: number) =>
    startRedisProcess({
      server: program,
      address: { host: '127.0.0.1', port },
      logFile,
      args: [
        ...(options.ownFile ? [ownFile] : []),
        ...['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--logfile', logFile],
        // BullMQ's delayed jobs are up to 135 ms late at the default of 10, 18 ms at 100.
        ...['--save', '', '--hz', '100', '--appendonly', 'yes'],
        // With everysec a write waits in memory while a slow disk still syncs the one before it:
        // a kill at that moment loses it, which was seen once under load.
        ...['--appendfsync', options.appendOnly ? 'always' : 'no'],
        ...(options.args ?? []),
      ],
    })
  const { port, first } = await onFreePort(start, logFile)
  let current = first
  const kill = (): Promise<void> => current.kill('SIGKILL')
  // A file before Redis 7, a folder since.
  const forget = async () => {
    for (const name of ['appendonly.aof', 'appendonlydir']) {
      await rm(join(folder, name), { recursive: true, force: true })
    }
  }
  return {
    folder,
    url: `redis://127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    get pid() {
      return current.pid
    },
    kill,
    stop: async () => {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
    restart: async () => {
      await kill()
      if (!options.appendOnly) await forget()
      current = await start(port)
    },
  }
}

/** Between the choice of a port and the server's bind somebody else may take it. */
async function onFreePort(
  start: (port: number) => ReturnType<typeof startRedisProcess>,
  logFile: string,
): Promise<{ port: number; first: Awaited<ReturnType<typeof startRedisProcess>> }> {
  for (let triesLeft = 5; ; triesLeft -= 1) {
    const port = await freePort()
    try {
      return { port, first: await start(port) }
    } catch (error) {
      const log = await readFile(logFile, 'utf8').catch(() => '')
      if (triesLeft === 0 || !log.includes('Address already in use')) throw error
    }
  }
}

function sharedRedis(url: string): TestRedis {
  const { hostname, port } = new URL(url)
  const refuse = async (): Promise<never> => {
    throw new Error('Others use this server: start one with options to stop or kill it')
  }
  return {
    url,
    host: hostname,
    port: Number(port || 6379),
    pid: 0,
    stop: async () => {},
    kill: refuse,
    restart: refuse,
  }
}
