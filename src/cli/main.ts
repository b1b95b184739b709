import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import '../shared/base/disposable-stack.ts'
import { hangUpIsIgnored } from '../shared/base/shutdown.ts'
import { cacheFolder, privateDirectory } from './embedded-redis/private-directory.ts'

/** The entry point of the `expunge` command: importing this file runs it. */

// Node restored the default, which would end the process here.
if (hangUpIsIgnored(process)) process.on('SIGHUP', () => {})

// Strips the types of unbuilt sources only once: saves a third of the start's processor time and 20
// MiB. Only if nobody else may write there, because the compiled code is run unchecked.
if (import.meta.filename.endsWith('.ts')) {
  const cache = cacheFolder(process.env)
  const isPrivate = await privateDirectory(cache, '').then(
    () => true,
    () => false,
  )
  if (isPrivate) enableCompileCache(join(cache, 'compiled'))
}

// Imported after that: files loaded earlier are compiled anew each time.
const { invocation } = await import('./invocation.ts')
// Keeps the young generation at the 2 MiB that it has by now. While the modules of a command load, it
// would grow to 32, which are never given back: what they leave survives, unlike the blocks, frames and
// rows of a stream. With 2 million rows that all failed, the built command peaked at 152 MiB instead of
// 212, in 4.4 s of processor time instead of 6.6. One MiB, from the start, made loading slower.
setFlagsFromString('--semi-space-growth-factor=1')
const { run, fail } = invocation(process.argv.slice(2), process, keepHeapSmall)
// Node would exit with 1, which means "incomplete".
process.on('uncaughtException', (error) => process.exit(fail(error)))
const code = await run()
// Exits explicitly: a leaked handle must not keep a script waiting.
process.stdout.write('', () => process.exit(code))

/**
 * Once the modules are loaded: with these settings from the start, loading them took a fifth more
 * processor time (490 ms became 590 for \`status\`).
 */
function keepHeapSmall(): void {
  // A full collection runs whenever the heap has grown by a fifth.
  setFlagsFromString('--heap-growing-percent=20')
  // The bytes that arrive lie outside the heap but grow its limit. Collecting the young generation
  // once a tenth of it is used frees them before a full collection becomes due: of 2 million rows
  // that all failed, 26 instead of 67, and 4.5 s of processor time instead of 6.8.
  setFlagsFromString('--minor-gc-task-trigger=10')
}
