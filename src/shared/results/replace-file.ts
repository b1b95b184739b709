import { randomUUID } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { effect } from '../effect.ts'

/** Beside the file, so that the rename stays on one file system. */
export function temporaryName(path: string): string {
  return `${path}.${randomUUID()}.tmp`
}

/** The file is there whole, or as it was. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = temporaryName(path)
  try {
    await writeFile(temporary, text)
    await effect('results:replace', () => rename(temporary, path))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
