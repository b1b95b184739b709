import { randomUUID } from 'node:crypto'
import { access, constants, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { codeOf, messageOf } from '../base/errors.ts'
import { FILE_MODE, linked, makeFolder, ResultsStoreError, temporaryName } from './files.ts'

/**
 * The id of the store in this directory, and what makes sure that the directory still is that store.
 * One without an id gets one, and is made where it is missing. Nothing is written where it has one: a
 * process starts on a full disk, too.
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
async function assertStore(root: string, id: string): Promise<void> {
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

export const STORE_FILE = '.expunge-store'

const idPath = (root: string): string => join(root, STORE_FILE)

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
 * Of two processes one makes the file here too, but it is there before it holds the id: whoever finds
 * it without waits for the other.
 */
async function nameWithoutLinks(path: string): Promise<void> {
  await writeFile(path, idLine(), { mode: FILE_MODE, flag: 'wx' })
}

/** Tries and the milliseconds between: a line of 37 bytes is on its way. */
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
