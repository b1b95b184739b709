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
import { codeOf, ExpungeError, messageOf } from '../base/errors.ts'
import { effect } from '../base/trace.ts'
import type { ResultFile } from '../contract/receipt.ts'

/** Files of the results store, on whatever file system it lies. */

/** The results directory cannot be used now: not there, full, not writable, or another store. */
export class ResultsStoreError extends ExpungeError {
  readonly code = 'RESULTS_STORE_UNUSABLE'
  override readonly retryable = true
}

/** Names the path in the error: where a write or a close fails, Node does not. */
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
    if (codeOf(error) !== 'ENOENT' || above === path) throw error
    // Somebody else may have made it since: then it is enough to try again.
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

/** A new file, written at its end; one that is there already is an error. */
export function createFile(path: string): Promise<FileHandle> {
  return open(path, 'ax', FILE_MODE)
}

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
 * Whether a file is what was written, to the byte. It is read once, unless its size tells already.
 *
 * @param each gets the bytes in their order; they are its own until it resolves
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
    // One for all: a stream's blocks were 50 MiB of garbage for 5 million rows.
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
