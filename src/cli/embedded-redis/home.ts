import { createHash } from 'node:crypto'
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { messageOf } from '../../shared/base/errors.ts'
import { EmbeddedRedisError } from './errors.ts'
import { privateDirectory } from './private-directory.ts'

export interface HomeFiles {
  readonly home: string
  readonly lock: string
  readonly owner: string
  readonly log: string
  readonly pid: string
}

export const homeFiles = (home: string): HomeFiles => ({
  home,
  lock: join(home, 'lock'),
  owner: join(home, 'owner.json'),
  log: join(home, 'redis.log'),
  pid: join(home, 'redis.pid'),
})

/** Who holds the lock: a run stays, and so may a `cancel`; a `status` is over in a moment. */
const owner = z.object({
  pid: z.int().positive(),
  role: z.enum(['run', 'visit']),
  socket: z.string(),
})
export type Owner = z.infer<typeof owner>

export async function readOwner(files: HomeFiles): Promise<Owner | null> {
  try {
    return owner.parse(JSON.parse(await readFile(files.owner, 'utf8')))
  } catch {
    // Missing, or half written by a process that was killed: the lock itself is the truth.
    return null
  }
}

export async function writeOwner(files: HomeFiles, entry: Owner): Promise<void> {
  const draft = `${files.owner}.${entry.pid}`
  try {
    await writeFile(draft, JSON.stringify(entry), { mode: 0o600 })
    await rename(draft, files.owner)
  } catch (error) {
    // Of a write that fails Node names no path.
    const message = `The state of runs cannot be kept in ${files.home}: ${messageOf(error)}. Make room, or choose another EXPUNGE_HOME.`
    throw new EmbeddedRedisError('EMBEDDED_REDIS_HOME', message, { cause: error })
  }
}

export async function removeOwner(files: HomeFiles): Promise<void> {
  await rm(files.owner, { force: true })
}

// `sun_path` of the kernel's socket address, without its closing NUL.
const LONGEST_SOCKET_PATH = process.platform === 'darwin' ? 103 : 107

const fits = (path: string): boolean => Buffer.byteLength(path) <= LONGEST_SOCKET_PATH

/**
 * Where the server of this home listens: in the home, or, where that path is longer than a socket's
 * may be, in a private folder of a short name.
 */
export async function socketPath(home: string, env: NodeJS.ProcessEnv): Promise<string> {
  const inHome = join(home, 'redis.sock')
  if (fits(inHome)) return inHome
  const runtime = env['XDG_RUNTIME_DIR'] ?? ''
  const name = `expunge-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`
  const folder = join(isAbsolute(runtime) ? runtime : tmpdir(), name)
  const short = join(folder, 'redis.sock')
  if (!fits(short)) {
    throw new EmbeddedRedisError(
      'EMBEDDED_REDIS_HOME',
      `Expected a path of at most ${LONGEST_SOCKET_PATH} bytes for a socket, got ${inHome} and ` +
        `${short}. Choose a shorter EXPUNGE_HOME.`,
    )
  }
  await privateDirectory(folder, 'Choose a shorter EXPUNGE_HOME.')
  return short
}

const LARGE_LOG = 1024 * 1024

/** Keeps the log and the one before it. */
export async function rotateLog(files: HomeFiles): Promise<void> {
  const size = await stat(files.log).then(
    (found) => found.size,
    () => 0,
  )
  if (size > LARGE_LOG) await rename(files.log, `${files.log}.1`)
}
