import { type FileHandle, mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../base/errors.ts'

/**
 * Result files name people's records, so they are their owner's alone, whatever the umask: 0600 and
 * 0700. Whoever shares a results directory therefore runs as one user.
 */
export const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/**
 * Makes the folder and the folders above it, as far as they are missing. Not by Node's own recursion:
 * that says ENOENT of a file system that is read only, and never returns where a folder cannot be made
 * in one that is there, and the file system calls that ENOENT.
 */
export async function makeFolder(path: string): Promise<void> {
  const above = dirname(path)
  try {
    await mkdir(path, FOLDER_MODE)
  } catch (error) {
    if (await isFolder(path)) return
    const isMissing = codeOf(error) === 'ENOENT' && above !== path && !(await isFolder(above))
    if (!isMissing) throw error
    await makeFolder(above)
    await mkdir(path, FOLDER_MODE).catch(async (again: unknown) => {
      if (!(await isFolder(path))) throw again
    })
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

/** A new file, written at its end; one that is there already is an error. */
export function createFile(path: string): Promise<FileHandle> {
  return open(path, 'ax', FILE_MODE)
}
