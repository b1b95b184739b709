import { randomUUID } from 'node:crypto'
import { link, lstat, rename, rm, writeFile } from 'node:fs/promises'
import { codeOf } from '../base/errors.ts'
import { effect } from '../base/trace.ts'
import { FILE_MODE } from './private.ts'

/** Beside the file, so that the rename stays on one file system. */
export function temporaryName(path: string): string {
  return `${path}.${randomUUID()}.tmp`
}

/**
 * The file is there whole, or as it was.
 *
 * @param check before the file takes its name; what it throws leaves the file as it was
 */
export async function replaceFile(
  path: string,
  text: string,
  check: () => Promise<void>,
): Promise<void> {
  const temporary = temporaryName(path)
  try {
    await writeFile(temporary, text, { mode: FILE_MODE })
    await check()
    await effect('results:replace', () => renameOver(temporary, path))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/**
 * Gives a file its name, in place of one that has it. Some network file systems rename over nothing
 * that is there (SFTP without its extension, older SMB servers): there the other one goes first. A
 * crash in between leaves none, and what is made of the ledger is made again.
 */
export async function renameOver(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    const isTaken = TAKEN.includes(codeOf(error) ?? '') && (await isThere(to))
    if (!isTaken) throw error
    await rm(to)
    await rename(from, to)
  }
}

/** What file systems say that cannot rename over a file; EACCES and EPERM mean other things, too. */
const TAKEN = ['EEXIST', 'EPERM', 'EACCES']

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

/**
 * Gives a file a second name. False where its file system has no hard links (SMB, exFAT, many of
 * FUSE), whatever that one calls it.
 *
 * @throws EEXIST where the name is taken, and what is wrong with the disk or the path
 */
export async function linked(path: string, target: string): Promise<boolean> {
  try {
    await link(path, target)
    return true
  } catch (error) {
    if (NO_LINKS.includes(codeOf(error) ?? '')) return false
    throw error
  }
}

const NO_LINKS = [
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
  'EXDEV',
  'EACCES',
  'EINVAL',
  'EIO',
]
