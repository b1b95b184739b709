import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { CommanderError } from 'commander'
import { ExpungeError, messageOf } from '../shared/errors.ts'
import { LedgerReplacedError } from '../shared/ledger/connection.ts'
import { RedisUnavailableError, troubleOf } from '../shared/redis/trouble.ts'
import { GoneError } from '../shared/submit/gone.ts'
import { cacheFolder } from './embedded-redis/cache-folder.ts'
import { privateDirectory } from './embedded-redis/private-directory.ts'
import { EXIT, InterruptedError, LostError } from './exit.ts'
import { createProgram } from './program.ts'
import { createScreen, type Screen } from './screen.ts'
import { packageVersion } from './version.ts'

/** The process edge of the `expunge` command: importing this file runs it. */

// Blocks, frames and rows of a stream are garbage in no time: a young generation that does not grow,
// and a full collection whenever the heap has grown by a fifth. With 5.2 million rows that all
// failed, the built command peaked at 174 MiB instead of 262, in no more processor time.
setFlagsFromString('--semi-space-growth-factor=1')
setFlagsFromString('--heap-growing-percent=20')

// Sources that run unbuilt are stripped of their types only once: a third of the start's processor
// time and 20 MiB less. Only where nobody else may write: what is compiled there is run unseen.
if (import.meta.filename.endsWith('.ts')) {
  const cache = cacheFolder(process.env)
  const isPrivate = await privateDirectory(cache, '').then(
    () => true,
    () => false,
  )
  if (isPrivate) enableCompileCache(join(cache, 'compiled'))
}

const screen = createScreen(process)
const argv = process.argv.slice(2)
let code: number = EXIT.ok
// Node would end with 1, which says "incomplete".
process.on('uncaughtException', (error) => process.exit(exitCodeOfError(error, screen)))
try {
  const exit = (chosen: number) => {
    code = chosen
  }
  const program = createProgram({ screen, version: packageVersion(), argv, exit })
  await program.parseAsync(argv, { from: 'user' })
} catch (error) {
  code = exitCodeOfError(error, screen)
}
// Not left to the event loop: a handle that somebody forgot must not keep a script waiting.
process.stdout.write('', () => process.exit(code))

/** Says what went wrong, in words for whoever typed the command, and how the process ends. */
function exitCodeOfError(error: unknown, { say, env }: Screen): number {
  if (error instanceof CommanderError) {
    // Commander has said it already; help and version that were asked for are no errors.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  }
  if (error instanceof InterruptedError) return error.exitCode
  if (error instanceof ExpungeError) {
    say(`expunge: ${env['LOG_LEVEL'] === 'debug' ? error.stack : error.message}`)
    const isLost = error instanceof LostError || error instanceof LedgerReplacedError
    if (isLost) return EXIT.failed
    return error instanceof GoneError ? EXIT.refused : EXIT.usage
  }
  const trouble = troubleOf(error)
  if (trouble !== null) {
    // Waits that are worth it have patience of their own: here nothing has begun.
    say(`expunge: ${new RedisUnavailableError(trouble, messageOf(error)).message}`)
    return EXIT.usage
  }
  const stack = error instanceof Error ? error.stack : String(error)
  say(`expunge: ${stack}\nThis is a defect of Expunge: please report it.`)
  return EXIT.failed
}
