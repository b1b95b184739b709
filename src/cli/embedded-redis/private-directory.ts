import { chmod, lstat, mkdir, stat } from 'node:fs/promises'
import { messageOf } from '../../shared/errors.ts'
import { EmbeddedRedisError } from './errors.ts'

/**
 * Makes `path` where it is missing and sees to it that nobody else may enter it (mode 0700).
 *
 * @param advice What to do where that cannot be, as the last sentence of the error.
 * @throws EmbeddedRedisError EMBEDDED_REDIS_HOME where it belongs to someone else.
 */
export async function privateDirectory(path: string, advice: string): Promise<void> {
  const refuse = (why: string, cause?: unknown): EmbeddedRedisError =>
    new EmbeddedRedisError(
      'EMBEDDED_REDIS_HOME',
      `Expected a folder of our own at ${path}, ${why}. ${advice}`,
      { cause },
    )
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    // The link itself too: in a shared /tmp somebody else may have planted one.
    const owners = [(await lstat(path)).uid, (await stat(path)).uid]
    const self = process.getuid?.()
    const stranger = owners.find((uid) => self !== undefined && uid !== self)
    if (stranger !== undefined) throw refuse(`but it belongs to user ${stranger}, not ${self}`)
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o700)
  } catch (error) {
    throw error instanceof EmbeddedRedisError ? error : refuse(messageOf(error), error)
  }
}
