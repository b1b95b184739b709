import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { unpackDebianPackage } from './debian-package.ts'
import { DEBIAN_SERVER } from './debian-server.ts'
import { EmbeddedRedisError } from './errors.ts'
import { type Env, probeServer, type RedisServer } from './redis-version.ts'

const PROGRAMS = ['redis-server', 'valkey-server'] as const

/**
 * Finds a server to run: on the PATH, else Debian's package, unpacked without root into the user's
 * cache (seconds and 10 MB the first time, milliseconds after).
 *
 * @throws EmbeddedRedisError REDIS_SERVER_NOT_FOUND, saying what was tried and what to install.
 */
export async function findRedisServer(options: {
  readonly env: Env
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
  // A relative entry would run whatever lies in the current folder.
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
