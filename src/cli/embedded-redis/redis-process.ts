import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../../shared/base/errors.ts'
import { askRedis, type RedisAddress, serverInfo } from './ask.ts'
import { EmbeddedRedisError } from './errors.ts'
import type { RedisServer } from './find-server.ts'

interface RedisProcess {
  readonly pid: number
  readonly address: RedisAddress
  /** How it ended, `code 0` or `signal SIGKILL`. */
  readonly exited: Promise<string>
  /** Sends the signal and waits for the end. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Sends SHUTDOWN, which writes and syncs the append-only file, then waits for the end. */
  stop(): Promise<void>
}

interface Launch {
  readonly server: RedisServer
  /** Where `args` tell the server to listen. */
  readonly address: RedisAddress
  readonly args: readonly string[]
  readonly logFile: string
}

// The server replaces the shell, so the child's pid is the server's own. The subshell stays and
// reads from our pipe: a line means that the server has ended; the end of the pipe means that this
// process has died, and then the server must end.
const UNDER_WATCH = '{ read -r _ <&3 || kill -TERM $$; } 2>/dev/null & exec "$@" 3<&-'

const STOP_TIMEOUT_MS = 60_000

/**
 * Starts a server and waits until it answers, also while it loads its append-only file. It leads
 * its own process group, so that Ctrl-C on a terminal does not reach it, and it does not keep this
 * process alive.
 *
 * @throws EmbeddedRedisError EMBEDDED_REDIS_FAILED with the last lines of its log.
 */
export async function startRedisProcess(options: Launch): Promise<RedisProcess> {
  const redis = launch(options)
  let how: string | null = null
  while (how === null) {
    if (await answersAs(redis)) return redis
    how = await Promise.race([redis.exited, delay(5, null)])
  }
  throw new EmbeddedRedisError(
    'EMBEDDED_REDIS_FAILED',
    `${options.server.command} ${options.server.version} ended while starting (${how}). ` +
      `The end of ${options.logFile}:\n${await lastLines(options.logFile)}`,
  )
}

function launch(options: Launch): RedisProcess {
  const { command, env } = options.server
  // The server logs there itself, but not what it prints before it has read its arguments.
  const log = openSync(options.logFile, 'a', 0o600)
  const child = spawn('/bin/sh', ['-c', UNDER_WATCH, 'sh', command, ...options.args], {
    detached: true,
    // Passes only what the server needs, because our environment holds secrets. Redis 7.2 does not
    // start in a locale that the machine lacks.
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', ...env },
    stdio: ['ignore', log, log, 'pipe'],
  })
  closeSync(log)
  const watch = child.stdio[3]
  const { promise: exited, resolve } = Promise.withResolvers<string>()
  child.once('error', (error) => resolve(error.message))
  child.once('exit', (code, signal) => {
    if (watch instanceof Socket) watch.end('ended\n')
    resolve(signal === null ? `code ${code}` : `signal ${signal}`)
  })
  watch?.on('error', () => {})
  child.unref()
  if (watch instanceof Socket) watch.unref()
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    // Keeps this process alive until the server has ended.
    child.ref()
    child.kill(signal)
    await exited
  }
  const stop = async (): Promise<void> => {
    child.ref()
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    const reply = await askRedis(options.address, 'SHUTDOWN', STOP_TIMEOUT_MS).catch(() => '-')
    if (reply !== '') child.kill('SIGTERM')
    await exited
    clearTimeout(timer)
  }
  return {
    pid: child.pid ?? 0,
    address: options.address,
    exited,
    kill,
    stop,
  }
}

/**
 * Whether the server is ready and really ours: on a TCP port taken by another server, that one
 * would answer.
 */
async function answersAs({ address, pid }: RedisProcess): Promise<boolean> {
  const reply = await askRedis(address, 'PING').catch(() => '')
  // A server with a password reveals nothing more.
  if (reply.startsWith('-NOAUTH')) return true
  return reply === 'PONG' && (await serverInfo(address))?.pid === pid
}

async function lastLines(file: string, count = 12): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '(no log)')
  return text.trimEnd().split('\n').slice(-count).join('\n')
}

interface Supervised {
  /** Resolves if the server ended by itself and cannot be restarted. */
  readonly lost: Promise<EmbeddedRedisError>
  stop(): Promise<void>
}

const RESTARTS = 3
const HEALTHY_AFTER = 60_000

/**
 * Keeps a server running until `stop`: one that ends by itself (out of memory, killed by mistake)
 * is restarted on its append-only file, and clients reconnect as after any outage. After three
 * restarts, the next end within a minute of a start is final.
 */
export async function supervise(
  start: () => Promise<RedisProcess>,
  log: (line: string) => void,
): Promise<Supervised> {
  const { promise: lost, resolve: giveUp } = Promise.withResolvers<EmbeddedRedisError>()
  let starting = start()
  let isStopping = false
  await starting

  const watch = async (): Promise<void> => {
    let left = RESTARTS
    while (!isStopping) {
      const since = Date.now()
      // A server that ends while it restarts uses up a restart too.
      const how = await starting.then((redis) => redis.exited, messageOf)
      if (isStopping) return
      if (Date.now() - since > HEALTHY_AFTER) left = RESTARTS
      if (left === 0) return giveUp(gone(how))
      left -= 1
      log(`The embedded Redis server ended (${how}). Restarting it.`)
      await delay(100)
      if (!isStopping) starting = start()
    }
  }
  const watching = watch()
  return {
    lost,
    stop: async () => {
      isStopping = true
      await starting.then(
        (redis) => redis.stop(),
        () => {},
      )
      await watching
    },
  }
}

function gone(how: string): EmbeddedRedisError {
  const message = `The embedded Redis server ended repeatedly (${how}).`
  return new EmbeddedRedisError('EMBEDDED_REDIS_FAILED', message)
}
