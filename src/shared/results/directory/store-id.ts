import { randomUUID } from 'node:crypto'
import { access, constants, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { codeOf, messageOf } from '../../base/errors.ts'
import { ResultsStoreError, STORE_FILE } from '../results-store.ts'
import { FILE_MODE, linked, makeFolder, temporaryName } from './files.ts'

/**
 * Returns the id of the store in this directory, and a check that the directory is still that
 * store. Creates the directory and the id if they are missing. If there is an id, nothing is
 * written, so that a process can start on a full disk.
 */
export async function identifyStore(root: string) {
  try {
    if ((await readId(root)) === null) {
      await makeFolder(root)
      await nameStore(idPath(root))
    }
    await access(root, constants.W_OK)
    const id = await idOnceWritten(root)
    return { id, check: () => assertStore(root, id) }
  } catch (error) {
    throw new ResultsStoreError(
      `The results directory ${root} cannot be used: ${messageOf(error)}. Set EXPUNGE_RESULTS to a writable directory.`,
      { cause: error },
    )
  }
}

/**
 * Checks that the directory is still the store that was opened. A lost mount leaves an empty
 * directory of the same name: files written there are hidden once the mount is back.
 *
 * @throws ResultsStoreError if it is a different store or none
 */
async function assertStore(root: string, id: string): Promise<void> {
  const found = await readId(root).catch((error: unknown) => {
    throw new ResultsStoreError(`Cannot read the results directory ${root}: ${messageOf(error)}`, {
      cause: error,
    })
  })
  if (found === id) return
  throw new ResultsStoreError(
    `The results directory ${root} is not the store that this process opened: expected store ${id}, found ` +
      `${found === null ? 'no .expunge-store' : found}. Is its file system still mounted? Nothing is written until it is available again.`,
  )
}

const idPath = (root: string): string => join(root, STORE_FILE)

/** Null if the directory is missing or has no id. */
export async function readId(root: string): Promise<string | null> {
  try {
    return (await readFile(idPath(root), 'utf8')).trim()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** A link fails if the name is taken: of two processes that start at once, one creates the id. */
async function nameStore(path: string): Promise<void> {
  const temporary = temporaryName(path)
  try {
    await writeFile(temporary, idLine(), { mode: FILE_MODE })
    if (!(await linked(temporary, path))) await nameWithoutLinks(path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await rm(temporary, { force: true })
  }
}

const idLine = () => `${randomUUID()}\n`

/**
 * Here too only one of two processes creates the file, but the file exists before it holds the id:
 * a process that finds it empty waits.
 */
async function nameWithoutLinks(path: string): Promise<void> {
  await writeFile(path, idLine(), { mode: FILE_MODE, flag: 'wx' })
}

/** The number of tries and the milliseconds between them: 37 bytes are being written. */
const TRIES = 40
const BETWEEN_MS = 50

async function idOnceWritten(root: string): Promise<string> {
  for (let tries = 0; tries < TRIES; tries++) {
    const id = await readId(root)
    if (id !== null && id !== '') return id
    await delay(BETWEEN_MS)
  }
  throw new Error(`${idPath(root)} is empty: a process has died while it made it. Remove that file`)
}
