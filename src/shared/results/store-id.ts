import { randomUUID } from 'node:crypto'
import { access, constants, link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, messageOf } from '../errors.ts'
import { FILE_MODE, makeFolder } from './private.ts'
import { temporaryName } from './replace-file.ts'
import { ResultsStoreError } from './store-error.ts'

/**
 * The id of the store in this directory; one without gets one, and is made where it is missing.
 * Nothing is written where it has one: a process starts on a full disk, too.
 */
export async function storeId(root: string): Promise<string> {
  try {
    const known = await readId(root)
    if (known === null) {
      await makeFolder(root)
      await nameStore(idPath(root))
    }
    await access(root, constants.W_OK)
    return known ?? (await readFile(idPath(root), 'utf8')).trim()
  } catch (error) {
    throw new ResultsStoreError(
      `The results directory ${root} cannot be used: ${messageOf(error)}. Set EXPUNGE_RESULTS to one that can be written.`,
      { cause: error },
    )
  }
}

/**
 * Makes sure that the directory still is the store that was opened. A mount that is lost leaves an
 * empty directory of the same name: what is written there is seen by nobody once the mount is back.
 *
 * @throws ResultsStoreError where it is another store, or none
 */
export async function assertStore(root: string, id: string): Promise<void> {
  const found = await readId(root).catch((error: unknown) => {
    throw new ResultsStoreError(`Cannot read the results directory ${root}: ${messageOf(error)}`, {
      cause: error,
    })
  })
  if (found === id) return
  throw new ResultsStoreError(
    `The results directory ${root} is not the store that this process opened: expected store ${id}, found ` +
      `${found === null ? 'no .expunge-store' : found}. Is its mount lost? Nothing is written there until it is back.`,
  )
}

const idPath = (root: string): string => join(root, '.expunge-store')

/** Null where the directory is no store, or is not there. */
async function readId(root: string): Promise<string | null> {
  try {
    return (await readFile(idPath(root), 'utf8')).trim()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** A link fails where the name is taken: of two processes that start at once, one names the store. */
async function nameStore(path: string): Promise<void> {
  const temporary = temporaryName(path)
  try {
    await writeFile(temporary, `${randomUUID()}\n`, { mode: FILE_MODE })
    await link(temporary, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await rm(temporary, { force: true })
  }
}
