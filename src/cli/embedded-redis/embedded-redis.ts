import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { askRedis, serverInfo } from './ask.ts'
import { EmbeddedRedisError } from './errors.ts'
import { findRedisServer, type RedisServer } from './find-server.ts'
import { Home, type Owner } from './home.ts'
import { tryLock } from './lock.ts'
import { endOrphan, isAlive } from './orphan.ts'
import { privateDirectory } from './private-directory.ts'
import { startRedisProcess, supervise } from './redis-process.ts'

interface EmbeddedRedis {
  /** Path of the Unix socket, the only place where the server listens. */
  readonly socket: string
  /** Version of the server, such as `7.0.15`. */
  readonly version: string
  /** The server belongs to another process and may end with it at any time. */
  readonly isGuest: boolean
  /** Resolves if the server ended by itself and cannot be restarted. */
  readonly lost: Promise<EmbeddedRedisError>
  /** Writes everything out, waits for the server's end and releases the home. Safe to repeat. */
  stop(): Promise<void>
}

interface EmbeddedRedisOptions {
  /** The folder of the data, the socket and the log; `EXPUNGE_HOME` in the configuration. */
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  readonly log: (line: string) => void
}

// How long to wait for a visit, a start or a shutdown that holds the home before reporting an
// error.
const WAIT_MS = 10_000

/**
 * Starts the Redis server of this home. It belongs to this process alone and ends with it: when the
 * process dies, by whatever signal, the server writes its data out and ends.
 *
 * @throws EmbeddedRedisError EMBEDDED_REDIS_BUSY if another process owns the home,
 *   REDIS_SERVER_NOT_FOUND, EMBEDDED_REDIS_HOME, EMBEDDED_REDIS_FAILED.
 */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  const home = new Home(resolve(options.home))
  await privateDirectory(home.path, 'Set EXPUNGE_HOME to another folder.')
  for (const deadline = Date.now() + WAIT_MS; ; await delay(25)) {
    const lock = tryLock(home.lock)
    if (lock !== null) return await takeHome(home, lock, 'run', options)
    const owner = await home.readOwner()
    const isRun = owner?.role === 'run' && (await isAlive(owner.pid))
    if (isRun || Date.now() > deadline) throw busy(home, owner)
  }
}

/**
 * For `status`, `list`, `cancel`: the server of a live `run`, without owning it; otherwise the
 * home's own server, until `stop`. Null if this home has never had one.
 *
 * @param options.stays The command may take long: others become its guests instead of waiting for
 *   its end.
 * @throws EmbeddedRedisError as `startEmbeddedRedis`.
 */
export async function attachEmbeddedRedis(
  options: EmbeddedRedisOptions & { readonly stays?: boolean },
): Promise<EmbeddedRedis | null> {
  const home = new Home(resolve(options.home))
  if (!existsSync(home.lock)) return null
  await privateDirectory(home.path, 'Set EXPUNGE_HOME to another folder.')
  for (const deadline = Date.now() + WAIT_MS; ; await delay(25)) {
    const lock = tryLock(home.lock)
    if (lock !== null) return await takeHome(home, lock, options.stays ? 'run' : 'visit', options)
    const owner = await home.readOwner()
    const reply = owner?.role === 'run' ? await ping(owner.socket) : null
    if (owner !== null && reply === 'PONG') return await guestOf(owner)
    // A server that is loading its data says so, and may take any time.
    if (reply === null && Date.now() > deadline) throw busy(home, owner)
  }
}

type Lock = NonNullable<ReturnType<typeof tryLock>>

async function takeHome(
  home: Home,
  lock: Lock,
  role: Owner['role'],
  options: EmbeddedRedisOptions,
): Promise<EmbeddedRedis> {
  try {
    const previous = await home.readOwner()
    const socket = await home.socketPath(options.env)
    await home.writeOwner({ pid: process.pid, role, socket })
    for (const candidate of new Set([previous?.socket ?? socket, socket])) {
      await endOrphan({ socket: candidate, pidFile: home.pid, log: options.log })
    }
    const server = await findRedisServer(options)
    refuseOlderFormat(home, server)
    await home.rotateLog()
    const supervised = await supervise(() => start(home, socket, server), options.log)
    return embedded(socket, server, supervised, () => releaseHome(home, lock))
  } catch (error) {
    await releaseHome(home, lock)
    throw error
  }
}

async function releaseHome(home: Home, lock: Lock): Promise<void> {
  await home.removeOwner()
  lock.release()
}

const start = (home: Home, socket: string, server: RedisServer) =>
  startRedisProcess({
    server,
    address: { path: socket },
    logFile: home.log,
    // No port; no snapshots, which would only duplicate the append-only file; no eviction.
    args: [
      ...['--port', '0', '--unixsocket', socket, '--unixsocketperm', '700', '--dir', home.path],
      ...['--logfile', home.log, '--pidfile', home.pid, '--daemonize', 'no', '--save', ''],
      ...['--maxmemory-policy', 'noeviction', '--appendonly', 'yes', '--appendfsync', 'everysec'],
    ],
  })

function embedded(
  socket: string,
  { version }: RedisServer,
  { lost, stop }: Awaited<ReturnType<typeof supervise>>,
  release: () => Promise<void>,
): EmbeddedRedis {
  let stopped: Promise<void> | undefined
  const stopOnce = (): Promise<void> => {
    stopped ??= stop().then(release, async (error: unknown) => {
      await release()
      throw error
    })
    return stopped
  }
  return { socket, version, isGuest: false, lost, stop: stopOnce }
}

async function guestOf({ socket }: Owner): Promise<EmbeddedRedis> {
  const version = (await serverInfo({ path: socket }))?.version ?? 'unknown'
  return { socket, version, isGuest: true, lost: new Promise(() => {}), stop: async () => {} }
}

const ping = (path: string): Promise<string | null> => askRedis({ path }, 'PING').catch(() => null)

/** Redis 6 would not see the folder of files that Redis 7 writes, and would start empty. */
function refuseOlderFormat(home: Home, { version, command, kind }: RedisServer): void {
  if (kind === 'valkey' || Number.parseInt(version, 10) >= 7) return
  if (!existsSync(join(home.path, 'appendonlydir'))) return
  throw new EmbeddedRedisError(
    'EMBEDDED_REDIS_FAILED',
    `The data in ${home.path} was written by Redis 7 or later, and ${command} is ${version}. ` +
      'Install Redis 7 or later, or set EXPUNGE_HOME to another folder.',
  )
}

function busy(home: Home, owner: Owner | null): EmbeddedRedisError {
  const who = owner === null ? 'another process' : `process ${owner.pid}`
  return new EmbeddedRedisError(
    'EMBEDDED_REDIS_BUSY',
    `${home.path} is in use by ${who}. Wait until it has ended, set EXPUNGE_HOME to another folder, ` +
      'or use one Redis server for both with REDIS_URL.',
  )
}
