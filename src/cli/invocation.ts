import { readFileSync } from 'node:fs'
import { CommanderError } from 'commander'
import { codeOf, ExpungeError, messageOf } from '../shared/base/errors.ts'
import { RedisUnavailableError, troubleOf } from '../shared/store/redis/trouble.ts'
import { EXIT, type ExitCode, InterruptedError } from './cli.ts'
import { createProgram } from './program.ts'
import { errorWords } from './render/remedy.ts'
import { createScreen, type Host, type Screen } from './screen.ts'

/** One call of `expunge`. */
interface Invocation {
  /** Runs the command; resolves with the exit code, never rejects. */
  run(): Promise<number>
  /** Reports an unhandled error; returns the exit code. */
  fail(error: unknown): number
}

/**
 * @param argv as typed, without the program's own name
 * @param loaded called once the modules of the command are loaded
 */
export function invocation(
  argv: readonly string[],
  host: Host,
  loaded: () => void = () => {},
): Invocation {
  const screen = createScreen(host)
  const run = async (): Promise<number> => {
    let code: ExitCode = EXIT.ok
    const ended = (chosen: ExitCode) => {
      code = chosen
    }
    try {
      const program = createProgram(
        { screen, host, version: packageVersion(), argv },
        { loaded, ended },
      )
      await program.parseAsync(argv.length === 0 ? ['--help'] : argv, { from: 'user' })
      const lost = await screen.lostAnswer()
      if (lost === null || code !== EXIT.ok) return code
      screen.say(`expunge: could not write to stdout: ${lost.message}.`)
      return EXIT.failed
    } catch (error) {
      return exitCodeOfError(error, screen, argv[0])
    }
  }
  return { run, fail: (error) => exitCodeOfError(error, screen) }
}

/** By code and not by class, so that `--help` does not load the store's modules. */
const EXIT_BY_CODE: ReadonlyMap<string, ExitCode> = new Map([
  ['LOST', EXIT.failed],
  ['OTHER_LEDGER', EXIT.failed],
  ['ID_GONE', EXIT.refused],
])

/** A full, read-only or broken disk is not a bug of ours. */
const DISK_TROUBLES = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']

/** Reports the error to the user and returns the exit code. */
function exitCodeOfError(error: unknown, { say, env }: Screen, command?: string): number {
  if (error instanceof CommanderError) {
    // Commander has already reported it; requested help and version are no errors.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  }
  if (error instanceof InterruptedError) return error.exitCode
  if (error instanceof ExpungeError) {
    say(`expunge: ${env['LOG_LEVEL'] === 'debug' ? error.stack : errorWords(error, command)}`)
    return EXIT_BY_CODE.get(error.code) ?? EXIT.usage
  }
  const trouble = troubleOf(error)
  if (trouble !== null) {
    // Steps worth waiting for have their own retries; here nothing has begun.
    say(`expunge: ${new RedisUnavailableError(trouble, messageOf(error)).message}`)
    return EXIT.usage
  }
  if (DISK_TROUBLES.includes(codeOf(error) ?? '')) {
    say(`expunge: ${messageOf(error)}. Nothing more was done.`)
    return EXIT.failed
  }
  const stack = error instanceof Error ? error.stack : String(error)
  say(`expunge: ${stack}\nThis is a bug in Expunge. Please report it.`)
  return EXIT.failed
}

/** The package's own version; package.json is equally far above `src/cli` and `dist/cli`. */
function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const manifest: unknown = JSON.parse(text)
  const isManifest = typeof manifest === 'object' && manifest !== null && 'version' in manifest
  return isManifest ? String(manifest.version) : 'unknown'
}
