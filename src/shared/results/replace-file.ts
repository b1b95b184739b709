import { randomUUID } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { effect } from '../effect.ts'
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
    await effect('results:replace', () => rename(temporary, path))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
