import type { Stats } from 'node:fs'
import { chmod, lstat, mkdir, readdir, readFile, readlink, realpath, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve, sep } from 'node:path'
import { codeOf, messageOf } from '../../shared/base/errors.ts'
import { EmbeddedRedisError } from './errors.ts'

/**
 * Creates `path` if it is missing, and ensures that nobody else may enter it (mode 0700) or replace
 * it by another folder.
 *
 * @param advice What to do if that is impossible, as the last sentence of the error.
 * @throws EmbeddedRedisError EMBEDDED_REDIS_HOME if it, or a folder on the way to it, belongs to
 *   someone else or may be written by others, or if others may have put something into it.
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

/** @returns what is wrong with it; null if it is private now */
async function prepare(path: string): Promise<string | null> {
  const above = await untrustedReason(dirname(path))
  if (above !== null) return `but ${above}`
  await mkdir(path, { recursive: true, mode: 0o700 })
  // Checks the link itself too: in a shared /tmp another user may have planted one.
  const link = await lstat(path)
  const behind = link.isSymbolicLink() ? await untrustedReason(dirname(await realpath(path))) : null
  if (behind !== null) return `but ${behind}`
  const folder = await stat(path)
  const self = process.getuid?.()
  const stranger = [link.uid, folder.uid].find((uid) => self !== undefined && uid !== self)
  if (stranger !== undefined) return `but it belongs to user ${stranger}, not ${self}`
  if (await isOpenToOthers(folder)) {
    const entries = await readdir(path)
    // Files that others could write may be theirs. Making the folder private would make us trust
    // them.
    if (entries.length > 0) {
      return 'but it is not empty and other users can write to it. If all files in it are yours, run chmod -R go-w'
    }
  }
  return isPrivate(folder) ? null : await closeToOthers(path)
}

const isPrivate = ({ mode }: Stats): boolean => (mode & 0o077) === 0

/**
 * Some file systems keep no modes (exFAT, SMB, a Windows disk): changing one fails, or seems to
 * succeed without an effect.
 */
async function closeToOthers(path: string): Promise<string | null> {
  const failure = await chmod(path, 0o700).then(() => null, messageOf)
  const folder = await stat(path)
  if (isPrivate(folder)) return null
  const mode = (folder.mode & 0o777).toString(8).padStart(4, '0')
  const why = failure ?? 'its file system has no permissions'
  return `but other users can access it (mode ${mode}), and this cannot be changed: ${why}`
}

function refusal(path: string, why: string, advice: string, cause?: unknown): EmbeddedRedisError {
  const message = `${path} must be a private folder, ${why}. ${advice}`
  return new EmbeddedRedisError('EMBEDDED_REDIS_HOME', message, { cause })
}

/**
 * Whether another user of the machine controls what is at a path. Programs, libraries and databases
 * are trusted by their paths, so every folder from the root down matters: whoever may write to one
 * may rename what is below and replace it. The rules are those of sshd and sudo: owned by root or
 * by us, and writable by nobody else; in a folder with the sticky bit, such as /tmp, others may
 * create entries but cannot touch ours.
 */

/** The kernel's limit of symbolic links to follow. */
const MOST_LINKS = 40
const STICKY = 0o1000

/**
 * Checks each folder and link on the way to `path`, and what is there. A missing entry is not
 * checked: only users who may write above it can create it.
 *
 * @returns what is wrong, such as `/srv/shared may be written by others (mode 0777)`; null if
 *   nothing is
 */
export async function untrustedReason(path: string): Promise<string | null> {
  let at: string = sep
  let ahead = namesOf(resolve(path))
  let links = 0
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    const next = join(at, name)
    const info = await lookAt(next)
    if (info === null) return null
    const wrong = await wrongWith(next, info)
    if (wrong !== null) return wrong
    if (!info.isSymbolicLink()) {
      at = next
      continue
    }
    links++
    if (links > MOST_LINKS) return `${path} has more than ${MOST_LINKS} links`
    ahead = [...namesOf(resolve(at, await readlink(next))), ...ahead]
    at = sep
  }
  return null
}

/** The same for everything below `root`, including links that lead out of it. */
export async function untrustedInTree(root: string): Promise<string | null> {
  const wrong = await untrustedReason(root)
  if (wrong !== null) return wrong
  const entries = await readdir(root, { recursive: true }).catch(() => [])
  const top = entries.length === 0 ? root : await realpath(root)
  for (const entry of entries) {
    const path = join(root, entry)
    const info = await lookAt(path)
    if (info === null) continue
    const found = (await wrongWith(path, info)) ?? (await wrongBehind(path, info, top))
    if (found !== null) return found
  }
  return null
}

/** If a link leads out of the tree, its target is checked as a separate path. */
async function wrongBehind(path: string, info: Stats, top: string): Promise<string | null> {
  if (!info.isSymbolicLink()) return null
  const target = await realpath(path).catch(() => null)
  return target === null || target.startsWith(top + sep) ? null : untrustedReason(target)
}

/** Whether others may create entries in a folder, or change a file. */
async function isOpenToOthers({ mode, gid }: Stats): Promise<boolean> {
  if ((mode & 0o002) !== 0) return true
  return (mode & 0o020) !== 0 && !(await isGroupOfOne(gid))
}

async function wrongWith(path: string, info: Stats): Promise<string | null> {
  const self = process.getuid?.()
  // Windows has no such owners, and nothing of this runs there.
  if (self === undefined) return null
  if (info.uid !== 0 && info.uid !== self) {
    return `${path} belongs to user ${info.uid}, neither root nor ${self}`
  }
  // A link has no mode of its own.
  if (info.isSymbolicLink() || (info.isDirectory() && (info.mode & STICKY) !== 0)) return null
  if (!(await isOpenToOthers(info))) return null
  return `${path} is writable by other users (mode ${(info.mode & 0o7777).toString(8).padStart(4, '0')})`
}

/**
 * Debian, Fedora and others give each user a group of the same name and a umask of 002, so a group
 * of one may write. This is known only if user and group are in the machine's own files.
 */
async function isGroupOfOne(gid: number): Promise<boolean> {
  if (process.platform !== 'linux') return false
  const [users, groups] = await Promise.all([recordsOf('/etc/passwd'), recordsOf('/etc/group')])
  const uids = [0, process.getuid?.()]
  const owners = users.filter(([, , uid]) => uids.includes(Number(uid))).map(([name = '']) => name)
  const group = groups.find(([, , id]) => Number(id) === gid)
  const [name = '', , , members = ''] = group ?? []
  return (
    owners.includes(name) &&
    members.split(',').every((member) => member === '' || owners.includes(member)) &&
    users.every(([user = '', , , primary]) => Number(primary) !== gid || owners.includes(user))
  )
}

async function recordsOf(path: string): Promise<readonly (readonly string[])[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(':'))
}

async function lookAt(path: string): Promise<Stats | null> {
  try {
    return await lstat(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

function namesOf(path: string): string[] {
  return path.split(sep).filter((name) => name !== '')
}

/**
 * Where Expunge keeps what it can fetch or build again: `$XDG_CACHE_HOME`, else `~/.cache` (XDG
 * Base Directory Specification, which ignores relative paths). Programs are run from there, so it
 * must be made a private directory before use.
 */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const set = env['XDG_CACHE_HOME'] ?? ''
  const base = isAbsolute(set) ? set : join(env['HOME'] || homedir(), '.cache')
  return join(base, 'expunge')
}
