import { createHash } from 'node:crypto'
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { messageOf } from '../../shared/base/errors.ts'
import { EmbeddedRedisError } from './errors.ts'
import { privateDirectory } from './private-directory.ts'

/** Who holds the lock: a run stays, and so may a `cancel`; a `status` is over in a moment. */
const ownerSchema = z.object({
  pid: z.int().positive(),
  role: z.enum(['run', 'visit']),
  socket: z.string(),
})
export type Owner = z.infer<typeof ownerSchema>

// `sun_path` of the kernel's socket address, without its closing NUL.
const LONGEST_SOCKET_PATH = process.platform === 'darwin' ? 103 : 107

const fits = (path: string): boolean => Buffer.byteLength(path) <= LONGEST_SOCKET_PATH

const LARGE_LOG = 1024 * 1024

/** The folder of an embedded server: its files, and who works with it. */
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
      // Missing, or half written by a process that was killed: the lock itself is the truth.
      return null
    }
  }

  async writeOwner(entry: Owner): Promise<void> {
    const draft = `${this.#owner}.${entry.pid}`
    try {
      await writeFile(draft, JSON.stringify(entry), { mode: 0o600 })
      await rename(draft, this.#owner)
    } catch (error) {
      // Of a write that fails Node names no path.
      const message = `The state of runs cannot be kept in ${this.path}: ${messageOf(error)}. Make room, or choose another EXPUNGE_HOME.`
      throw new EmbeddedRedisError('EMBEDDED_REDIS_HOME', message, { cause: error })
    }
  }

  async removeOwner(): Promise<void> {
    await rm(this.#owner, { force: true })
  }

  /**
   * Where the server listens: in the home, or, where that path is longer than a socket's may be, in a
   * private folder of a short name.
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
        `Expected a path of at most ${LONGEST_SOCKET_PATH} bytes for a socket, got ${inHome} and ` +
          `${short}. Choose a shorter EXPUNGE_HOME.`,
      )
    }
    await privateDirectory(folder, 'Choose a shorter EXPUNGE_HOME.')
    return short
  }

  /** Keeps the log and the one before it. */
  async rotateLog(): Promise<void> {
    const size = await stat(this.log).then(
      (found) => found.size,
      () => 0,
    )
    if (size > LARGE_LOG) await rename(this.log, `${this.log}.1`)
  }
}
