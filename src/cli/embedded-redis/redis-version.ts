import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { messageOf } from '../../shared/base/errors.ts'

/** What the environment of a process may hold. */
export type Env = Readonly<Record<string, string | undefined>>

export interface RedisServer {
  /** Absolute path of the program. */
  readonly command: string
  readonly kind: 'redis' | 'valkey'
  /** As the program says it, `7.0.15`. */
  readonly version: string
  /** What the program needs to start, on top of anything else. */
  readonly env: { readonly LD_LIBRARY_PATH?: string }
  /** Where it came from, for a log line. */
  readonly origin: string
}

const run = promisify(execFile)

// BullMQ 6 warns below Redis 6.2; Valkey 7.2 is too little tried with it.
const OLDEST = { redis: [6, 2], valkey: [8, 0] } as const

/** Starts the program to ask for its version: also the proof that all its libraries are there. */
export async function probeServer(
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
