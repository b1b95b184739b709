import type { Stats } from 'node:fs'
import { chmod, lstat, mkdir, readdir, readFile, readlink, realpath, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve, sep } from 'node:path'
import { codeOf, messageOf } from '../../shared/base/errors.ts'
import { EmbeddedRedisError } from './errors.ts'

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
  const above = await untrustedReason(dirname(path))
  if (above !== null) return `but ${above}`
  await mkdir(path, { recursive: true, mode: 0o700 })
  // The link itself too: in a shared /tmp somebody else may have planted one.
  const link = await lstat(path)
  const behind = link.isSymbolicLink() ? await untrustedReason(dirname(await realpath(path))) : null
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

/**
 * Whether another user of the machine decides what lies at a path. A program is run, a library is
 * loaded and a database is trusted by its path, so every folder from the root down matters: who may
 * write to one of them may rename what is below and put something else there. The rules are those
 * of sshd and sudo: owned by root or by us, written by nobody else; in a folder with the sticky bit,
 * such as /tmp, others may make entries but cannot touch ours.
 */

/** As many symbolic links as the kernel follows. */
const MOST_LINKS = 40
const STICKY = 0o1000

/**
 * Looks at each folder and link on the way to `path`, and at what lies there. What does not exist
 * yet is not looked at: only who may write above can make it.
 *
 * @returns what is wrong, as `/srv/shared may be written by others (mode 0777)`; null where nothing is
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
    if (links > MOST_LINKS) return `${path} leads through more than ${MOST_LINKS} links`
    ahead = [...namesOf(resolve(at, await readlink(next))), ...ahead]
    at = sep
  }
  return null
}

/** The same of everything below `root`, links out of it included. */
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

/** Where a link leads out of the tree, its target is looked at as a path of its own. */
async function wrongBehind(path: string, info: Stats, top: string): Promise<string | null> {
  if (!info.isSymbolicLink()) return null
  const target = await realpath(path).catch(() => null)
  return target === null || target.startsWith(top + sep) ? null : untrustedReason(target)
}

/** Whether others may put entries into a folder, or change a file. */
async function isOpenToOthers({ mode, gid }: Stats): Promise<boolean> {
  if ((mode & 0o002) !== 0) return true
  return (mode & 0o020) !== 0 && !(await isGroupOfOne(gid))
}

async function wrongWith(path: string, info: Stats): Promise<string | null> {
  const self = process.getuid?.()
  // Windows has no owners of this kind, and nothing of this runs there.
  if (self === undefined) return null
  if (info.uid !== 0 && info.uid !== self) {
    return `${path} belongs to user ${info.uid}, neither root nor ${self}`
  }
  // A link has no mode of its own.
  if (info.isSymbolicLink() || (info.isDirectory() && (info.mode & STICKY) !== 0)) return null
  if (!(await isOpenToOthers(info))) return null
  return `${path} may be written by others (mode ${(info.mode & 0o7777).toString(8).padStart(4, '0')})`
}

/**
 * Debian, Fedora and others give each user a group of the same name and a umask of 002: that such a
 * group may write is harmless. Known only where user and group are in the machine's own files.
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
 * Where Expunge keeps what it can fetch or make again: `$XDG_CACHE_HOME`, else `~/.cache` (XDG Base
 * Directory Specification, which has relative paths ignored). What lies there is run as a program,
 * so it must be a private directory before it is used.
 */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const set = env['XDG_CACHE_HOME'] ?? ''
  const base = isAbsolute(set) ? set : join(env['HOME'] || homedir(), '.cache')
  return join(base, 'expunge')
}
