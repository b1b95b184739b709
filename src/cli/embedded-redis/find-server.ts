import { execFile } from 'node:child_process'
import { constants, existsSync } from 'node:fs'
import { access, readdir, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf } from '../../shared/base/errors.ts'
import { type Packaged, unpackDebianPackage } from './debian-package.ts'
import { EmbeddedRedisError } from './errors.ts'

const PROGRAMS = ['redis-server', 'valkey-server'] as const

/**
 * Finds a server to run: on the PATH, else Debian's package, unpacked without root into the user's
 * cache (seconds and 10 MB the first time, milliseconds afterwards).
 *
 * @throws EmbeddedRedisError REDIS_SERVER_NOT_FOUND, with what was tried and what to install.
 */
export async function findRedisServer(options: {
  readonly env: NodeJS.ProcessEnv
  readonly log: (line: string) => void
}): Promise<RedisServer> {
  const problems: string[] = []
  for (const command of await programsOnPath(options.env['PATH'] ?? '')) {
    const found = await probeServer({ command, env: {}, origin: 'PATH' })
    if (!('problem' in found)) return found
    options.log(`Skipped: ${found.problem}.`)
    problems.push(found.problem)
  }
  if (problems.length === 0) problems.push(`no ${PROGRAMS.join(' or ')} on the PATH`)
  const unpacked = await unpackDebianPackage(DEBIAN_SERVER, options)
  if (!('problem' in unpacked)) return unpacked
  throw notFound([...problems, unpacked.problem])
}

async function programsOnPath(path: string): Promise<string[]> {
  // A relative entry would run a program from the current folder.
  const folders = path.split(delimiter).filter((folder) => isAbsolute(folder))
  const candidates = PROGRAMS.flatMap((name) => folders.map((folder) => join(folder, name)))
  const found: string[] = []
  for (const candidate of new Set(candidates)) {
    if (await isProgram(candidate)) found.push(candidate)
  }
  return found
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

function notFound(problems: readonly string[]): EmbeddedRedisError {
  return new EmbeddedRedisError(
    'REDIS_SERVER_NOT_FOUND',
    [
      `No Redis server (6.2 or later, or Valkey 8): ${problems.join('; ')}`,
      'Install one, or point REDIS_URL at one:',
      '  Debian, Ubuntu   sudo apt-get install redis-server',
      '  macOS            brew install redis',
      '  Docker           docker run -d -p 127.0.0.1:6379:6379 redis:8 --appendonly yes',
      '                   and REDIS_URL=redis://127.0.0.1:6379',
    ].join('\n'),
  )
}

const PACKAGES = ['redis-server', 'valkey-server'] as const

/** The server in Debian's and Ubuntu's packages, which is named like its package. */
const DEBIAN_SERVER: Packaged<RedisServer> = {
  title: 'Redis server',
  name: 'redis',
  packages: PACKAGES,
  megabytes: 10,
  find: async (root) => {
    const libraries = await libraryFolders(root)
    const env = libraries.length > 0 ? { LD_LIBRARY_PATH: libraries.join(delimiter) } : {}
    const programs = PACKAGES.map((name) => join(root, 'usr/bin', name))
    const command = programs.find((program) => existsSync(program))
    return command === undefined
      ? { problem: 'it brought no server' }
      : await probeServer({ command, env, origin: root })
  },
}

/** The folders of the machine's architecture (`x86_64-linux-gnu`) in `usr/lib` and `lib`. */
async function libraryFolders(root: string): Promise<string[]> {
  const folders: string[] = []
  for (const folder of [join(root, 'usr/lib'), join(root, 'lib')]) {
    const entries = await readdir(folder).catch(() => [])
    const triplets = entries.filter((entry) => entry.includes('-linux-'))
    folders.push(...triplets.map((triplet) => join(folder, triplet)))
  }
  return folders
}

export interface RedisServer {
  /** Absolute path of the program. */
  readonly command: string
  readonly kind: 'redis' | 'valkey'
  /** The version that the program reports, such as `7.0.15`. */
  readonly version: string
  /** Additional environment that the program needs to start. */
  readonly env: { readonly LD_LIBRARY_PATH?: string }
  /** Where it was found, for log lines. */
  readonly origin: string
}

const run = promisify(execFile)

// BullMQ 6 warns below Redis 6.2; Valkey 7.2 is not tested enough with it.
const OLDEST = { redis: [6, 2], valkey: [8, 0] } as const

/** Runs the program to read its version, which also proves that all its libraries are there. */
async function probeServer(
  candidate: Pick<RedisServer, 'command' | 'env' | 'origin'>,
): Promise<RedisServer | { readonly problem: string }> {
  const { command, env } = candidate
  try {
    const { stdout } = await run(command, ['--version'], { env: { ...env }, timeout: 10_000 })
    const said = /^(Redis|Valkey) server v=(\d+)\.(\d+)\.(\d+)/.exec(stdout)
    if (said === null) return { problem: `${command} does not say which version it is` }
    const [, name, major = '', minor = '', patch = ''] = said
    const kind = name === 'Valkey' ? 'valkey' : 'redis'
    const version = `${major}.${minor}.${patch}`
    const [oldestMajor, oldestMinor] = OLDEST[kind]
    const isOld =
      Number(major) < oldestMajor || (Number(major) === oldestMajor && Number(minor) < oldestMinor)
    return isOld
      ? { problem: `${command} is ${name} ${version}, older than ${OLDEST[kind].join('.')}` }
      : { ...candidate, kind, version }
  } catch (error) {
    return { problem: `${command} does not start: ${messageOf(error).trim()}` }
  }
}
