import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, ExpungeError, messageOf } from '../errors.ts'
import { temporaryName } from './replace-file.ts'

export class ResultsStoreError extends ExpungeError {
  readonly code = 'RESULTS_STORE_UNUSABLE'
}

/** The id of the store in this directory; one without gets one, and is made where it is missing. */
export async function storeId(root: string): Promise<string> {
  const path = join(root, '.expunge-store')
  try {
    await mkdir(root, { recursive: true })
    await nameStore(path)
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    throw new ResultsStoreError(
      `The results directory ${root} cannot be used: ${messageOf(error)}. Set EXPUNGE_RESULTS to one that can be written.`,
      { cause: error },
    )
  }
}

/** A link fails where the name is taken: of two processes that start at once, one names the store. */
async function nameStore(path: string): Promise<void> {
  const temporary = temporaryName(path)
  await writeFile(temporary, `${randomUUID()}\n`)
  try {
    await link(temporary, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await rm(temporary)
  }
}
