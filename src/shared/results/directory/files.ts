import { createHash, randomUUID } from 'node:crypto'
import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf, messageOf } from '../../base/errors.ts'
import { effect } from '../../base/trace.ts'
import type { ResultFile } from '../../contract/receipt.ts'
import { ResultsStoreError } from '../results-store.ts'

/** File operations of a results directory, for any file system. */

/** Adds the path to the error message, which Node omits when a write or close fails. */
export async function onPath<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ResultsStoreError) throw error
    throw new ResultsStoreError(`Cannot write results to ${path}: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/**
 * Result files contain record ids, so only their owner may read them, whatever the umask: 0600 and
 * 0700. All processes that share a results directory must therefore run as one user.
 */
export const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/**
 * Creates the folder and its missing parents. Not with Node's recursive mkdir: on a read-only file
 * system that reports ENOENT, and it never returns if mkdir inside an existing folder fails with
 * ENOENT.
 */
export async function makeFolder(path: string): Promise<void> {
  const above = dirname(path)
  try {
    await mkdir(path, FOLDER_MODE)
  } catch (error) {
    if (await isFolder(path)) return
    if (codeOf(error) !== 'ENOENT' || above === path) throw error
    // Another process may have created it meanwhile: then one more try is enough.
    if (!(await isFolder(above))) await makeFolder(above)
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

/** Creates a file for appending; fails if it exists. */
export function createFile(path: string): Promise<FileHandle> {
  return open(path, 'ax', FILE_MODE)
}

/** In the same folder as the file, so that the rename stays on one file system. */
export function temporaryName(path: string): string {
  return `${path}.${randomUUID()}.tmp`
}

/**
 * Replaces the file in one step: readers see the new file or the old one.
 *
 * @param check called before the rename; if it throws, the old file stays
 */
export async function replaceFile(
  path: string,
  text: string,
  check: () => Promise<void> = async () => {},
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
 * Renames a file over another. Some network file systems cannot rename over an existing file (SFTP
 * without its extension, older SMB servers): there the existing file is deleted first. A crash in
 * between leaves no file; files that are made from the ledger are made again.
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

/**
 * Error codes of file systems that cannot rename over a file. EACCES and EPERM have other causes
 * too.
 */
const TAKEN = ['EEXIST', 'EPERM', 'EACCES']

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

/**
 * Creates a hard link. False if the file system has no hard links (SMB, exFAT, many FUSE ones),
 * whichever error code it reports.
 *
 * @throws EEXIST if the name is taken, and errors of the disk or the path
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

export async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

const BLOCK_BYTES = 512 * 1024

/**
 * Whether a file has exactly the bytes that were written. Reads it once, or not at all if the size
 * differs.
 *
 * @param each gets the bytes in order; it may use the block until its promise resolves
 */
export async function isAsWritten(
  path: string,
  { bytes, sha256 }: Pick<ResultFile, 'bytes' | 'sha256'>,
  each: (block: Uint8Array) => Promise<void> = async () => {},
): Promise<boolean> {
  try {
    await using file = await open(path)
    if ((await file.stat()).size !== bytes) return false
    const hash = createHash('sha256')
    // One buffer for all blocks: a stream's blocks were 50 MiB of garbage for 5 million rows.
    const buffer = new Uint8Array(Math.min(bytes, BLOCK_BYTES))
    for (;;) {
      const { bytesRead } = await file.read(buffer)
      if (bytesRead === 0) return hash.digest('hex') === sha256
      const block = buffer.subarray(0, bytesRead)
      hash.update(block)
      await each(block)
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}
