import { type FileHandle, mkdir, open } from 'node:fs/promises'

/**
 * Result files name people's records, so they are their owner's alone, whatever the umask: 0600 and
 * 0700. Whoever shares a results directory therefore runs as one user.
 */
export const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/** Makes the folder and the folders above it, as far as they are missing. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: FOLDER_MODE })
}

/** A new file, written at its end; one that is there already is an error. */
export function createFile(path: string): Promise<FileHandle> {
  return open(path, 'ax', FILE_MODE)
}
