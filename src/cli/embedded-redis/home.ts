import { createHash } from 'node:crypto'
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { messageOf } from '../../shared/base/errors.ts'
import { EmbeddedRedisError } from './errors.ts'
import { privateDirectory } from './private-directory.ts'

/** Who holds the lock. A `run` stays, and a `cancel` may; a `status` ends within a moment. */
const ownerSchema = z.object({
  pid: z.int().positive(),
  role: z.enum(['run', 'visit']),
  socket: z.string(),
})
export type Owner = z.infer<typeof ownerSchema>

// Length of `sun_path` in the kernel's socket address, without its terminating NUL.
const LONGEST_SOCKET_PATH = process.platform === 'darwin' ? 103 : 107

const fits = (path: string): boolean => Buffer.byteLength(path) <= LONGEST_SOCKET_PATH

const LARGE_LOG = 1024 * 1024

/** The folder of an embedded server: its files, and which process uses it. */
export class Home {
  readonly path: string
  readonly lock: string
  readonly log: string
  readonly pid: string
  readonly #owner: string

  constructor(path: string) {
    this.path = path
    this.lock = join(path, 'lock')
    this.log = join(path, 'redis.log')
    this.pid = join(path, 'redis.pid')
    this.#owner = join(path, 'owner.json')
  }

  async readOwner(): Promise<Owner | null> {
    try {
      return ownerSchema.parse(JSON.parse(await readFile(this.#owner, 'utf8')))
    } catch {
      // Missing, or half written by a killed process: the lock itself is authoritative.
      return null
    }
  }

  async writeOwner(entry: Owner): Promise<void> {
    const draft = `${this.#owner}.${entry.pid}`
    try {
      await writeFile(draft, JSON.stringify(entry), { mode: 0o600 })
      await rename(draft, this.#owner)
    } catch (error) {
      // Node's error for a failed write names no path.
      const message = `Could not write to ${this.path}: ${messageOf(error)}. Free some space, or set EXPUNGE_HOME to another folder.`
      throw new EmbeddedRedisError('EMBEDDED_REDIS_HOME', message, { cause: error })
    }
  }

  async removeOwner(): Promise<void> {
    await rm(this.#owner, { force: true })
  }

  /**
   * Where the server listens: in the home, or, if that path is too long for a socket, in a private
   * folder with a short name.
   */
  async socketPath(env: NodeJS.ProcessEnv): Promise<string> {
    const inHome = join(this.path, 'redis.sock')
    if (fits(inHome)) return inHome
    const runtime = env['XDG_RUNTIME_DIR'] ?? ''
    const name = `expunge-${createHash('sha256').update(this.path).digest('hex').slice(0, 12)}`
    const folder = join(isAbsolute(runtime) ? runtime : tmpdir(), name)
    const short = join(folder, 'redis.sock')
    if (!fits(short)) {
      throw new EmbeddedRedisError(
        'EMBEDDED_REDIS_HOME',
        `The path of a socket may have at most ${LONGEST_SOCKET_PATH} bytes. ${inHome} and ${short} ` +
          'are longer. Set EXPUNGE_HOME to a shorter path.',
      )
    }
    await privateDirectory(folder, 'Set EXPUNGE_HOME to a shorter path.')
    return short
  }

  /** Keeps the log and one predecessor. */
  async rotateLog(): Promise<void> {
    const size = await stat(this.log).then(
      (found) => found.size,
      () => 0,
    )
    if (size > LARGE_LOG) await rename(this.log, `${this.log}.1`)
  }
}
