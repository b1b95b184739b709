import { randomBytes, randomUUID } from 'node:crypto'
import { open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { codeOf } from '../../base/errors.ts'
import { effect } from '../../base/trace.ts'
import type { ResultFile } from '../../contract/receipt.ts'
import { ResultWriter } from '../csv.ts'
import {
  EARLIER,
  type OpenFile,
  RECEIPT,
  RESULT_FILES,
  type RequestFolder,
  type ResultsReader,
  type ResultsStore,
  receiptText,
} from '../results-store.ts'
import { isAsWritten, makeFolder, onPath, renameIfThere, replaceFile } from './files.ts'
import { PartFile } from './part-file.ts'
import { joinParts, partsFolder, removeParts } from './parts.ts'
import { identifyStore, readId } from './store-id.ts'

/**
 * A results store in a directory. Files get a temporary name, then their own; a lost mount is an
 * error, not an empty store.
 */

export function directoryReader(directory: string): ResultsReader {
  const place = resolve(directory)
  const folder = ({ org, id }: RequestFolder): string => join(place, org, id)
  return {
    place,
    storeId: () => readId(place),
    folder,
    files: (request) => filesIn(folder(request)),
    readReceipt: (request) => readIfThere(join(folder(request), RECEIPT)),
    openFile: (request, file) => openFile(join(folder(request), file.name), file),
    isAsWritten: (request, file) => isAsWritten(join(folder(request), file.name), file),
    close: async () => {},
  }
}

/** Opens the store and reads its id. Creates the directory and the id if they are missing. */
export async function openDirectory(directory: string): Promise<ResultsStore> {
  const reader = directoryReader(directory)
  const { place, folder } = reader
  const { id, check } = await identifyStore(place)
  return {
    ...reader,
    id,
    partWriter: (request, kind, of) => {
      const name = `${of}.${randomBytes(6).toString('hex')}.${kind}.csv`
      const path = join(partsFolder(folder(request)), name)
      return new ResultWriter(RESULT_FILES[kind], new PartFile(path, check))
    },
    joinParts: (request, kind, parts, { salvage = false } = {}) => {
      const [path, name, header] = [folder(request), `${kind}.csv`, RESULT_FILES[kind]]
      return joinParts({ folder: path, name, header, parts, check, salvage })
    },
    removeParts: (request) => removeParts(folder(request)),
    writeReceipt: (receipt) => {
      const path = join(folder(receipt), RECEIPT)
      return onPath(path, async () => {
        await check()
        await makeFolder(folder(receipt))
        await replaceFile(path, receiptText(receipt), check)
      })
    },
    removeReceipt: (request) => rm(join(folder(request), RECEIPT), { force: true }),
    earlierName: (request) => earlierName(folder(request)),
    moveTo: async (request, files, name) => {
      await check()
      await moveFiles(folder(request), files, join(place, request.org, name))
    },
    remove: async (org, name, isStillDue) => {
      await check()
      await removeFolder(join(place, org), name, isStillDue)
    },
  }
}

async function openFile(
  path: string,
  { bytes }: Pick<ResultFile, 'bytes'>,
): Promise<OpenFile | null> {
  try {
    const file = await open(path)
    if ((await file.stat()).size === bytes) {
      return { stream: () => file.createReadStream(), close: () => file.close() }
    }
    await file.close()
    return null
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

const LEAVING = '.leaving'

async function filesIn(folder: string): Promise<readonly string[]> {
  const [own, parts] = await Promise.all([namesIn(folder), namesIn(partsFolder(folder))])
  return [...own.filter((name) => name !== 'parts'), ...parts.map((name) => join('parts', name))]
}

function earlierName(folder: string): string {
  return join(EARLIER, `${basename(folder)}.${randomUUID()}`)
}

async function moveFiles(folder: string, files: readonly string[], target: string): Promise<void> {
  await effect('results:set-aside', () =>
    onPath(target, async () => {
      const folders = new Set(files.map((file) => dirname(join(target, file))))
      for (const path of folders) await makeFolder(path)
      for (const file of files) await renameIfThere(join(folder, file), join(target, file))
    }),
  )
}

/**
 * Removes a folder and its content. It is renamed first, in one step, so that a new life of the
 * request never finds half of it; what a crash leaves is removed by the next try.
 *
 * @param isStillDue asked after the rename; if false, the folder is put back
 */
async function removeFolder(
  orgFolder: string,
  name: string,
  isStillDue: () => Promise<boolean>,
): Promise<void> {
  const folder = join(orgFolder, name)
  // In the same folder: a full disk may have no room for another folder.
  const leaving = join(orgFolder, `${LEAVING}.${basename(name)}`)
  await onPath(folder, async () => {
    await rm(leaving, { recursive: true, force: true })
    const isMoved = await effect('results:remove-folder', () => renameIfThere(folder, leaving))
    if (isMoved && !(await isStillDue())) await rename(leaving, folder)
    else await rm(leaving, { recursive: true, force: true })
  })
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}
