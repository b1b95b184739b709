import type { Stats } from 'node:fs'
import { chmod, lstat, mkdir, readdir, realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf } from '../../shared/base/errors.ts'
import { EmbeddedRedisError } from './errors.ts'
import { distrust, isOpenToOthers } from './trusted-path.ts'

/**
 * Makes `path` where it is missing and sees to it that nobody else may enter it (mode 0700), nor
 * put another folder in its place.
 *
 * @param advice What to do where that cannot be, as the last sentence of the error.
 * @throws EmbeddedRedisError EMBEDDED_REDIS_HOME where it, or a folder on the way to it, belongs to
 *   someone else or may be written by others, or where others may have put something into it.
 */
export async function privateDirectory(path: string, advice: string): Promise<void> {
  try {
    const wrong = await prepare(path)
    if (wrong !== null) throw refusal(path, wrong, advice)
  } catch (error) {
    if (error instanceof EmbeddedRedisError) throw error
    throw refusal(path, messageOf(error), advice, error)
  }
}

/** @returns what is wrong with it; null where it is private now */
async function prepare(path: string): Promise<string | null> {
  const above = await distrust(dirname(path))
  if (above !== null) return `but ${above}`
  await mkdir(path, { recursive: true, mode: 0o700 })
  // The link itself too: in a shared /tmp somebody else may have planted one.
  const link = await lstat(path)
  const behind = link.isSymbolicLink() ? await distrust(dirname(await realpath(path))) : null
  if (behind !== null) return `but ${behind}`
  const folder = await stat(path)
  const self = process.getuid?.()
  const stranger = [link.uid, folder.uid].find((uid) => self !== undefined && uid !== self)
  if (stranger !== undefined) return `but it belongs to user ${stranger}, not ${self}`
  if (await isOpenToOthers(folder)) {
    const entries = await readdir(path)
    // What others could write may be theirs: made private now, it would be trusted from now on.
    if (entries.length > 0) {
      return 'but others may write to it and something is in it. Where all of that is yours: chmod -R go-w'
    }
  }
  return isPrivate(folder) ? null : await closeToOthers(path)
}

const isPrivate = ({ mode }: Stats): boolean => (mode & 0o077) === 0

/**
 * Some file systems keep no modes (exFAT, SMB, a Windows disk): they refuse to change one, or say that
 * they did and change nothing.
 */
async function closeToOthers(path: string): Promise<string | null> {
  const failure = await chmod(path, 0o700).then(() => null, messageOf)
  const folder = await stat(path)
  if (isPrivate(folder)) return null
  const mode = (folder.mode & 0o777).toString(8).padStart(4, '0')
  const why = failure ?? 'its file system keeps no modes'
  return `but others may enter it (mode ${mode}), and that cannot be changed: ${why}`
}

function refusal(path: string, why: string, advice: string, cause?: unknown): EmbeddedRedisError {
  const message = `Expected a folder of our own at ${path}, ${why}. ${advice}`
  return new EmbeddedRedisError('EMBEDDED_REDIS_HOME', message, { cause })
}
