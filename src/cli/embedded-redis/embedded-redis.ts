import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { askRedis, serverInfo } from './ask.ts'
import { EmbeddedRedisError } from './errors.ts'
import { findRedisServer, type RedisServer } from './find-server.ts'
import {
  type HomeFiles,
  homeFiles,
  type Owner,
  readOwner,
  removeOwner,
  rotateLog,
  socketPath,
  writeOwner,
} from './home.ts'
import { type Lock, tryLock } from './lock.ts'
import { endOrphan, isAlive } from './orphan.ts'
import { privateDirectory } from './private-directory.ts'
import { type Supervised, startRedisProcess, supervise } from './redis-process.ts'

export interface EmbeddedRedis {
  /** Path of the Unix socket, the only place where it listens. */
  readonly socket: string
  /** Of the server, `7.0.15`. */
  readonly version: string
  /** It belongs to another process, and may end with it at any moment. */
  readonly isGuest: boolean
  /** Resolves where the server has ended by itself and stays away. */
  readonly lost: Promise<EmbeddedRedisError>
  /** Writes everything out, waits for the end and gives the home free. Safe to repeat. */
  stop(): Promise<void>
}

interface EmbeddedRedisOptions {
  /** The folder of the data, the socket and the log; `EXPUNGE_HOME` of the configuration. */
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  readonly log: (line: string) => void
}

// How long a visit, or a start or an end under way, may hold the home before we say so.
const WAIT_MS = 10_000

/**
 * Starts the Redis server of this home, which lives as long as this process and belongs to it
 * alone: when the process dies, by whatever signal, the server writes its data out and ends.
 *
 * @param options.ephemeral In a temporary folder, nothing kept: for demos.
 * @throws EmbeddedRedisError EMBEDDED_REDIS_BUSY where another process owns the home,
 *   REDIS_SERVER_NOT_FOUND, EMBEDDED_REDIS_HOME, EMBEDDED_REDIS_FAILED.
 */
export async function startEmbeddedRedis(
  options: EmbeddedRedisOptions & { readonly ephemeral?: boolean },
): Promise<EmbeddedRedis> {
  if (options.ephemeral === true) return await startEphemeral(options)
  const files = homeFiles(resolve(options.home))
  await privateDirectory(files.home, 'Choose another with EXPUNGE_HOME.')
  for (const deadline = Date.now() + WAIT_MS; ; await delay(25)) {
    const lock = tryLock(files.lock)
    if (lock !== null) return await takeHome(files, lock, 'run', options)
    const owner = await readOwner(files)
    const isRun = owner?.role === 'run' && (await isAlive(owner.pid))
    if (isRun || Date.now() > deadline) throw busy(files, owner)
  }
}

/**
 * For `status`, `list`, `cancel`: the server of a `run` that is alive, without owning it; else
 * the home's own server, until `stop`. Null where this home has never had one.
 *
 * @param options.stays The visitor may be long: others become its guests instead of waiting for
 *   its end.
 * @throws EmbeddedRedisError as `startEmbeddedRedis`.
 */
export async function attachEmbeddedRedis(
  options: EmbeddedRedisOptions & { readonly stays?: boolean },
): Promise<EmbeddedRedis | null> {
  const files = homeFiles(resolve(options.home))
  if (!existsSync(files.lock)) return null
  await privateDirectory(files.home, 'Choose another with EXPUNGE_HOME.')
  for (const deadline = Date.now() + WAIT_MS; ; await delay(25)) {
    const lock = tryLock(files.lock)
    if (lock !== null) return await takeHome(files, lock, options.stays ? 'run' : 'visit', options)
    const owner = await readOwner(files)
    const reply = owner?.role === 'run' ? await ping(owner.socket) : null
    if (owner !== null && reply === 'PONG') return await guestOf(owner)
    // A server that loads its data says so, and may take as long as it takes.
    if (reply === null && Date.now() > deadline) throw busy(files, owner)
  }
}

async function takeHome(
  files: HomeFiles,
  lock: Lock,
  role: Owner['role'],
  options: EmbeddedRedisOptions,
): Promise<EmbeddedRedis> {
  try {
    const previous = await readOwner(files)
    const socket = await socketPath(files.home, options.env)
    await writeOwner(files, { pid: process.pid, role, socket })
    for (const candidate of new Set([previous?.socket ?? socket, socket])) {
      await endOrphan({ socket: candidate, pidFile: files.pid, log: options.log })
    }
    const server = await findRedisServer(options)
    refuseOlderFormat(files, server)
    await rotateLog(files)
    const supervised = await supervise(() => startDurable(files, socket, server), options)
    return embedded(socket, server, supervised, () => releaseHome(files, lock))
  } catch (error) {
    await releaseHome(files, lock)
    throw error
  }
}

async function releaseHome(files: HomeFiles, lock: Lock): Promise<void> {
  await removeOwner(files)
  lock.release()
}

const startDurable = (files: HomeFiles, socket: string, server: RedisServer) =>
  startRedisProcess({
    server,
    address: { path: socket },
    logFile: files.log,
    args: [
      ...onSocket(socket, files.home, files.log),
      ...['--pidfile', files.pid, '--appendonly', 'yes', '--appendfsync', 'everysec'],
    ],
  })

async function startEphemeral({ env, log }: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  const server = await findRedisServer({ env, log })
  const folder = await mkdtemp(join(tmpdir(), 'expunge-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    await privateDirectory(folder, 'Choose another temporary folder with TMPDIR.')
    const socket = await socketPath(folder, env)
    const logFile = join(folder, 'redis.log')
    const args = [...onSocket(socket, folder, logFile), '--appendonly', 'no']
    const start = () => startRedisProcess({ server, address: { path: socket }, args, logFile })
    // Its data is gone with it: there is nothing to start again.
    return embedded(socket, server, await supervise(start, { restarts: 0, log }), remove)
  } catch (error) {
    await remove()
    throw error
  }
}

/** No port; no snapshots, which would only double the append-only file; never evict. */
const onSocket = (socket: string, folder: string, logFile: string): string[] => [
  ...['--port', '0', '--unixsocket', socket, '--unixsocketperm', '700', '--dir', folder],
  ...['--logfile', logFile, '--daemonize', 'no', '--save', '', '--maxmemory-policy', 'noeviction'],
]

function embedded(
  socket: string,
  { version }: RedisServer,
  { lost, stop }: Supervised,
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

/** Redis 6 would not see the folder of files that Redis 7 writes, and start with nothing. */
function refuseOlderFormat(files: HomeFiles, { version, command, kind }: RedisServer): void {
  if (kind === 'valkey' || Number.parseInt(version, 10) >= 7) return
  if (!existsSync(join(files.home, 'appendonlydir'))) return
  throw new EmbeddedRedisError(
    'EMBEDDED_REDIS_FAILED',
    `The data in ${files.home} was written by Redis 7 or later, and ${command} is ${version}. ` +
      'Install the newer one again, or choose another EXPUNGE_HOME.',
  )
}

function busy(files: HomeFiles, owner: Owner | null): EmbeddedRedisError {
  const who = owner === null ? 'another process' : `process ${owner.pid}`
  return new EmbeddedRedisError(
    'EMBEDDED_REDIS_BUSY',
    `${files.home} is in use by ${who}, and one run at a time owns it. Wait for it, give this one ` +
      'another EXPUNGE_HOME, or let both share a server with REDIS_URL.',
  )
}
