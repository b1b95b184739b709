import type { Stats } from 'node:fs'
import { lstat, readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { codeOf } from '../../shared/base/errors.ts'

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
export async function distrust(path: string): Promise<string | null> {
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
export async function distrustTree(root: string): Promise<string | null> {
  const wrong = await distrust(root)
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
  return target === null || target.startsWith(top + sep) ? null : distrust(target)
}

/** Whether others may put entries into a folder, or change a file. */
export async function isOpenToOthers({ mode, gid }: Stats): Promise<boolean> {
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
